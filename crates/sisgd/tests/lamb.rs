//! Every variant of LAMB against its definition, written out for scalars.

#![allow(clippy::unwrap_used)]

use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor, Var};
use sisgd::{Adapt, Decay, Lamb, LambConfig};

const LR: f64 = 0.05;
const STEPS: i32 = 4;

/// The start values of a matrix, a vector, and a matrix of zeros; only the shapes differ in kind.
fn start() -> [(&'static [usize], Vec<f64>); 3] {
    let wave = |n: usize, a: f64| (0..n).map(|i| (a * (i + 1) as f64).sin()).collect();
    [(&[3, 4], wave(12, 0.7)), (&[5], wave(5, 1.3)), (&[2, 2], vec![0.; 4])]
}

/// The gradient of element `i` of variable `k` at step `t`.
fn grad(k: usize, t: i32, i: usize) -> f64 {
    (1. + k as f64) * (0.9 * t as f64 + 0.37 * i as f64).cos()
}

/// The crate's parameters after the steps.
fn found(config: LambConfig) -> Vec<Vec<f64>> {
    let var = |(dims, values): (&[usize], Vec<f64>)| Var::from_vec(values, dims, &Device::Cpu).unwrap();
    let vars: Vec<_> = start().into_iter().enumerate().map(|(k, s)| (format!("v{k}"), var(s))).collect();
    let mut lamb = Lamb::new(vars.clone(), config).unwrap();
    for t in 1..=STEPS {
        let mut grads = GradStore::default();
        for (k, (_, var)) in vars.iter().enumerate() {
            let values = (0..var.elem_count()).map(|i| grad(k, t, i)).collect();
            grads.insert(var, Tensor::from_vec(values, var.shape(), &Device::Cpu).unwrap());
        }
        lamb.step(&grads, LR).unwrap();
    }
    vars.iter().map(|(_, var)| var.flatten_all().unwrap().to_vec1().unwrap()).collect()
}

/// The definition of a variant for one variable.
struct Rule {
    clip: Option<f64>,
    /// λ added to the gradient, λ added to the update, λ applied beside it.
    decay: [f64; 3],
    bias_correction: bool,
    weight: f64,
    eps: f64,
    eps_root: f64,
    adapt: bool,
    trust_clip: bool,
}

/// The defaults: no decay and no ratio for vectors.
fn default_rule(dims: &[usize]) -> Rule {
    let matrix = dims.len() > 1;
    let decay = if matrix { 0.01 } else { 0. };
    Rule {
        clip: None,
        decay: [0., decay, 0.],
        bias_correction: true,
        weight: 0.1,
        eps: 1e-6,
        eps_root: 0.,
        adapt: matrix,
        trust_clip: false,
    }
}

/// The parameters after the steps, one scalar at a time.
fn expected(rule: impl Fn(&[usize]) -> Rule) -> Vec<Vec<f64>> {
    let mut all: Vec<_> =
        start().into_iter().map(|(dims, x)| (dims, x.clone(), vec![(0., 0.); x.len()])).collect();
    for t in 1..=STEPS {
        let mut squares = 0.;
        for (k, (_, x, _)) in all.iter().enumerate() {
            for i in 0..x.len() {
                squares += grad(k, t, i) * grad(k, t, i);
            }
        }
        let norm = f64::sqrt(squares);
        for (k, (dims, x, moments)) in all.iter_mut().enumerate() {
            let rule = rule(dims);
            let mut update = vec![];
            for i in 0..x.len() {
                let mut g = grad(k, t, i);
                if let Some(max) = rule.clip
                    && norm > max
                {
                    g /= norm / max;
                }
                g += rule.decay[0] * x[i];
                let (m, v) = &mut moments[i];
                *m = 0.9 * *m + rule.weight * g;
                *v = 0.999 * *v + (1. - 0.999) * g * g;
                let (mut m_hat, mut v_hat) = (*m, *v);
                if rule.bias_correction {
                    m_hat /= 1. - 0.9f64.powi(t);
                    v_hat /= 1. - 0.999f64.powi(t);
                }
                update.push(m_hat / ((v_hat + rule.eps_root).sqrt() + rule.eps) + rule.decay[1] * x[i]);
                x[i] -= LR * rule.decay[2] * x[i];
            }
            let length = |values: &[f64]| values.iter().map(|v| v * v).sum::<f64>().sqrt();
            let (param_norm, update_norm) = (length(x), length(&update));
            let mut ratio = 1.;
            if rule.adapt && param_norm > 0. && update_norm > 0. {
                ratio = param_norm / update_norm;
            }
            if rule.trust_clip && ratio > 1. {
                ratio = 1.;
            }
            for i in 0..x.len() {
                x[i] -= LR * ratio * update[i];
            }
        }
    }
    all.into_iter().map(|(_, x, _)| x).collect()
}

fn assert_follows(config: LambConfig, rule: impl Fn(&[usize]) -> Rule) -> Vec<Vec<f64>> {
    let (found, expected) = (found(config), expected(rule));
    for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
        assert!((found - expected).abs() < 1e-12, "{config:?}: {found} is not {expected}");
    }
    found
}

/// As [`assert_follows`], and the variant is not the default in disguise.
fn assert_variant(config: LambConfig, rule: impl Fn(&[usize]) -> Rule) {
    let variant = assert_follows(config, rule);
    let default = found(LambConfig::default());
    let far = |(a, b): (&f64, &f64)| (a - b).abs() > 1e-7;
    assert!(variant.iter().flatten().zip(default.iter().flatten()).any(far), "{config:?} changes nothing");
}

#[test]
fn default_is_the_papers_lamb() {
    assert_follows(LambConfig::default(), default_rule);
}

#[test]
fn bias_correction_can_be_left_out() {
    let config = LambConfig { bias_correction: false, ..Default::default() };
    assert_variant(config, |dims| Rule { bias_correction: false, ..default_rule(dims) });
}

#[test]
fn eps_can_be_inside_or_outside_the_root() {
    let outside = LambConfig { eps: 0.1, ..Default::default() };
    assert_variant(outside, |dims| Rule { eps: 0.1, ..default_rule(dims) });
    let inside = LambConfig { eps_root: 0.1, ..Default::default() };
    assert_variant(inside, |dims| Rule { eps_root: 0.1, ..default_rule(dims) });
}

#[test]
fn gradients_can_be_clipped_globally_before_the_moments() {
    // Bias-corrected moments hardly see a factor that all steps share; the norms of these steps differ.
    let config = LambConfig { max_grad_norm: Some(6.), eps: 0.1, ..Default::default() };
    assert_variant(config, |dims| Rule { clip: Some(6.), eps: 0.1, ..default_rule(dims) });
    let generous = LambConfig { max_grad_norm: Some(1e3), ..Default::default() };
    assert_eq!(found(generous), found(LambConfig::default()));
}

#[test]
fn decay_can_be_decoupled_or_part_of_the_gradient() {
    let of = |dims: &[usize]| if dims.len() > 1 { 0.3 } else { 0. };
    let config = LambConfig { weight_decay: 0.3, ..Default::default() };
    assert_variant(config, |dims| Rule { decay: [0., of(dims), 0.], ..default_rule(dims) });
    let decoupled = LambConfig { decay: Decay::Decoupled, ..config };
    assert_variant(decoupled, |dims| Rule { decay: [0., 0., of(dims)], ..default_rule(dims) });
    let l2 = LambConfig { decay: Decay::L2, ..config };
    assert_variant(l2, |dims| Rule { decay: [of(dims), 0., 0.], ..default_rule(dims) });
}

#[test]
fn vectors_can_be_decayed() {
    let config = LambConfig { decay_vectors: true, ..Default::default() };
    assert_variant(config, |dims| Rule { decay: [0., 0.01, 0.], ..default_rule(dims) });
}

#[test]
fn all_variables_can_be_adapted() {
    let config = LambConfig { adapt: Adapt::All, ..Default::default() };
    assert_variant(config, |dims| Rule { adapt: true, ..default_rule(dims) });
}

#[test]
fn adaptation_can_follow_decay() {
    let without = LambConfig { adapt: Adapt::Decayed, weight_decay: 0., ..Default::default() };
    assert_variant(without, |dims| Rule { adapt: false, decay: [0.; 3], ..default_rule(dims) });
    let with = LambConfig { adapt: Adapt::Decayed, decay_vectors: true, ..Default::default() };
    assert_variant(with, |dims| Rule { adapt: true, decay: [0., 0.01, 0.], ..default_rule(dims) });
    let like_default = LambConfig { adapt: Adapt::Decayed, ..Default::default() };
    assert_eq!(found(like_default), found(LambConfig::default()));
}

#[test]
fn without_decay_matrices_are_still_adapted() {
    let config = LambConfig { weight_decay: 0., ..Default::default() };
    assert_variant(config, |dims| Rule { decay: [0.; 3], ..default_rule(dims) });
}

#[test]
fn trust_ratios_can_be_clipped_at_one() {
    // Without eps the update's elements are about 1 and no ratio reaches 1; a large eps makes updates short.
    let config = LambConfig { eps: 10., trust_clip: true, ..Default::default() };
    assert_variant(config, |dims| Rule { eps: 10., trust_clip: true, ..default_rule(dims) });
    assert_ne!(found(config), found(LambConfig { trust_clip: false, ..config }));
}

#[test]
fn gradients_can_be_summed_instead_of_averaged() {
    let config = LambConfig { grad_averaging: false, ..Default::default() };
    assert_variant(config, |dims| Rule { weight: 1., ..default_rule(dims) });
}
