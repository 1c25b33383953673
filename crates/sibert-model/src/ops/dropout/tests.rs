#![allow(clippy::unwrap_used)]

use candle_core::{DType, Device};

use super::*;
use crate::ops::test_support::*;
use crate::tape::no_grad;

const P: f32 = 0.3;
const DRAWS: Draws = Draws { p: P, key: 7, offset: 0 };

fn apply(inputs: &[Tensor]) -> Result<Tensor> {
    dropout(&inputs[0], P, 7, 0)
}

#[test]
fn dropout_matches_composed() {
    assert_matches(apply, |inputs| composed::dropout([&inputs[0]], DRAWS), &[sample(&[3, 37], 1)]);
    assert_matches(apply, |inputs| composed::dropout([&inputs[0]], DRAWS), &[sample(&[301, 37], 1)]);
}

#[test]
fn dropout_gradient_matches_finite_differences() {
    assert_gradients(apply, &[sample(&[3, 7], 1)]);
}

#[test]
fn dropout_has_degree_one() {
    assert_homogeneous(apply, &[sample(&[3, 37], 1)], &[0], 1);
}

#[test]
fn dropout_is_the_same_on_any_number_of_threads() {
    assert_same_on_any_number_of_threads(apply, &[sample(&[301, 137], 1)]);
}

#[test]
fn dropout_drops_a_share_of_p_and_keeps_the_mean() {
    no_grad(|| {
        const N: usize = 1_000_000;
        // Six standard deviations of a share of a million draws, at most.
        const TOLERANCE: f64 = 3e-3;
        for (key, p) in [(0, 0.1f32), (1, 0.5), (u64::MAX, 0.9)] {
            let kept = dropout_mask(key, p, 0, N).into_iter().filter(|&kept| kept).count() as f64 / N as f64;
            assert!((kept - (1. - f64::from(p))).abs() < TOLERANCE, "{kept}");
            let ones = Tensor::ones(N, DType::F64, &Device::Cpu).unwrap();
            let sum = values(&dropout(&ones, p, key, 0).unwrap()).into_iter().sum::<f64>();
            assert!((sum / N as f64 - 1.).abs() < TOLERANCE / (1. - f64::from(p)), "{sum}");
        }
    });
}

#[test]
fn masks_of_two_keys_and_of_neighbours_are_independent() {
    let (a, b) = (dropout_mask(1, 0.5, 0, 100_000), dropout_mask(2, 0.5, 0, 100_000));
    let share = |equal: usize| equal as f64 / 100_000.;
    let keys = share(a.iter().zip(&b).filter(|(a, b)| a == b).count());
    let neighbours = share(a.windows(2).filter(|pair| pair[0] == pair[1]).count());
    assert!((keys - 0.5).abs() < 0.01 && (neighbours - 0.5).abs() < 0.01, "{keys} {neighbours}");
}

#[test]
fn the_mask_of_a_key_is_pinned() {
    let kept: String =
        dropout_mask(42, 0.5, 0, 16).into_iter().map(|kept| if kept { '1' } else { '0' }).collect();
    assert_eq!(kept, "1101100000000100");
}

#[test]
fn parts_are_dropped_as_their_whole() {
    no_grad(|| {
        let x = sample(&[3, 7], 1); // rows of odd length
        let whole = values(&dropout(&x, P, 7, 0).unwrap());
        let row = |i: usize| values(&dropout(&x.narrow(0, i, 1).unwrap(), P, 7, 7 * i).unwrap());
        assert_eq!((0..3).flat_map(row).collect::<Vec<_>>(), whole);
    });
}

#[test]
fn probability_zero_changes_nothing_and_one_is_refused() {
    let x = sample(&[3, 7], 1);
    assert_eq!(values(&dropout(&x, 0., 7, 0).unwrap()), values(&x));
    for p in [1., -0.1, f32::NAN] {
        let error = dropout(&x, p, 7, 0).unwrap_err().to_string();
        assert!(error.contains(&format!("dropout: probability {p} is not in [0, 1)")), "{error}");
    }
}
