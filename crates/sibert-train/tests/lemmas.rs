//! The two lemmas of Li et al. (2022, section 2) and section 5, on whole training runs in f32: settings that the theory
//! calls equivalent give the same loss curve.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value;
use support::{Folder, stdout};

const LR: f64 = 0.5;
const DECAY: f64 = 0.02;
const STEPS: usize = 100;

/// `(c1·L, c2·x0, c3·η, c4·λ)`.
struct Scales {
    loss: f64,
    init: f64,
    lr: f64,
    decay: f64,
}

/// The loss after each of the steps of a run with these scales, dropout, schedule and all.
fn curve(folder: &Folder, name: &str, scales: &Scales, clip: &str) -> Vec<f64> {
    let Scales { loss, init, lr, decay } = scales;
    let sets = [
        format!("lr={}", LR * lr),
        format!("weight_decay={}", DECAY * decay),
        format!("loss_scale={loss}"),
        format!("init_scale={init}"),
        format!("clip={clip}"),
        // The head is not scale invariant: Adam's and LAMB's steps do not depend on the scale of the loss.
        "head.optimizer=lamb".to_string(),
        "log_every=1".to_string(),
        "eval_every=100".to_string(),
        "save_every=100".to_string(),
    ];
    let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
    stdout(&folder.pretrain(&[&["--max-steps", "100", "--out", name, "--set"], &sets[..]].concat()));
    let lines = folder.text(&format!("{name}/metrics.jsonl"));
    let losses =
        lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).unwrap()["loss"].as_f64());
    losses.collect()
}

/// The largest relative difference of two curves.
fn difference(curve: &[f64], other: &[f64]) -> f64 {
    assert_eq!((curve.len(), other.len()), (STEPS, STEPS));
    curve.iter().zip(other).map(|(a, b)| (a / b - 1.).abs()).fold(0., f64::max)
}

const BASE: Scales = Scales { loss: 1., init: 1., lr: 1., decay: 1. };

fn assert_same_curves(scales: impl Fn(f64) -> Scales, to: impl Fn(f64) -> Scales) {
    let folder = Folder::new();
    for clip in ["none", "1"] {
        for (index, c) in [0.03, 0.7, 30.].into_iter().enumerate() {
            let one = curve(&folder, &format!("one-{clip}-{index}"), &scales(c), clip);
            let other = curve(&folder, &format!("other-{clip}-{index}"), &to(c), clip);
            let difference = difference(&one, &other);
            assert!(difference < 1e-3, "clip {clip}, c = {c}: the curves differ by {difference:e}");
        }
    }
}

#[test]
fn lemma_2_4_1_scaled_loss_with_rate_over_and_decay_times_the_scale_is_the_same_run() {
    assert_same_curves(|_| BASE, |c| Scales { loss: c, lr: 1. / c, decay: c, ..BASE });
}

#[test]
fn lemma_2_4_2_scaled_parameters_with_rate_times_and_decay_over_its_square_are_the_same_run() {
    assert_same_curves(|_| BASE, |c| Scales { init: c, lr: c * c, decay: 1. / (c * c), ..BASE });
}

#[test]
fn parameters_scaled_by_a_power_of_two_train_to_the_same_losses_bit_for_bit() {
    let folder = Folder::new();
    for (index, c) in [0.0625, 4., 1024.].into_iter().enumerate() {
        let scales = Scales { init: c, lr: c * c, decay: 1. / (c * c), ..BASE };
        let [one, other] = [("one", &BASE), ("other", &scales)]
            .map(|(name, scales)| curve(&folder, &format!("{name}-{index}"), scales, "1"));
        assert_eq!(one, other, "c = {c}");
    }
}

#[test]
fn while_the_clip_sets_every_step_the_initial_scale_changes_nothing() {
    let folder = Folder::new();
    let clipped =
        |name: &str, init| curve(&folder, name, &Scales { init, lr: 2e6, decay: 2e-8, ..BASE }, "2");
    let one = clipped("one", 1.);
    for (index, scale) in [1. / 128., 8., 128.].into_iter().enumerate() {
        assert_eq!(one, clipped(&format!("other-{index}"), scale), "initial scale {scale}");
    }
}

#[test]
fn section_5_four_scales_are_one_initial_scale_and_one_intrinsic_rate() {
    let four = |c: f64| Scales { loss: c, init: 2., lr: 3., decay: 0.5 };
    assert_same_curves(four, |c| Scales { init: 2. / (3. * c).sqrt(), decay: 1.5, ..BASE });
}

#[test]
fn scales_that_are_not_equivalent_are_another_run() {
    let folder = Folder::new();
    let base = curve(&folder, "base", &BASE, "none");
    let faster = curve(&folder, "faster", &Scales { lr: 30., ..BASE }, "none");
    assert!(difference(&base, &faster) > 1e-2, "thirty times the rate changed nothing");
}
