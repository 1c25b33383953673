//! AdamW and plain SGD against their definitions, written out for scalars.

#![allow(clippy::unwrap_used)]

use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor, Var};
use sisgd::{AdamW, AdamWConfig, NamedVars, PlainSgdConfig, Sgd};

const LR: f64 = 0.05;
const STEPS: i32 = 5;

fn start(n: usize) -> Vec<f64> {
    (0..n).map(|i| (0.7 * (i + 1) as f64).sin()).collect()
}

fn grad(t: i32, i: usize) -> f64 {
    (0.9 * t as f64 + 0.37 * i as f64).cos() * t as f64
}

/// A matrix of 6 elements and a vector of 4, which continues its numbering.
fn vars() -> NamedVars {
    let values = start(10);
    let matrix = Var::from_slice(&values[..6], (2, 3), &Device::Cpu).unwrap();
    let vector = Var::from_slice(&values[6..], 4, &Device::Cpu).unwrap();
    vec![("matrix".into(), matrix), ("vector".into(), vector)]
}

fn grads(vars: &NamedVars, t: i32) -> GradStore {
    let mut grads = GradStore::default();
    let mut first = 0;
    for (_, var) in vars {
        let values = (first..first + var.elem_count()).map(|i| grad(t, i)).collect();
        first += var.elem_count();
        grads.insert(var, Tensor::from_vec(values, var.shape(), &Device::Cpu).unwrap());
    }
    grads
}

fn values(vars: &NamedVars) -> Vec<f64> {
    vars.iter().flat_map(|(_, var)| var.flatten_all().unwrap().to_vec1::<f64>().unwrap()).collect()
}

fn grad_norm(t: i32) -> f64 {
    (0..10).map(|i| grad(t, i) * grad(t, i)).sum::<f64>().sqrt()
}

fn assert_close(found: &[f64], expected: &[f64]) {
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-13, "{found} is not {expected}");
    }
}

fn naive_adamw(config: &AdamWConfig) -> Vec<f64> {
    let (mut x, mut m, mut v) = (start(10), [0.; 10], [0.; 10]);
    for t in 1..=STEPS {
        let factor = match config.max_grad_norm {
            Some(max) if grad_norm(t) > max => max / grad_norm(t),
            _ => 1.,
        };
        for i in 0..10 {
            let g = factor * grad(t, i);
            m[i] = 0.9 * m[i] + 0.1 * g;
            v[i] = 0.999 * v[i] + 0.001 * g * g;
            let (mut m_hat, mut v_hat) = (m[i], v[i]);
            if config.bias_correction {
                m_hat /= 1. - 0.9f64.powi(t);
                v_hat /= 1. - 0.999f64.powi(t);
            }
            let decayed = i < 6 || config.decay_vectors;
            let decay = if decayed { config.weight_decay } else { 0. };
            x[i] = x[i] - LR * decay * x[i] - LR * m_hat / (v_hat.sqrt() + config.eps);
        }
    }
    x
}

#[test]
fn adamw_follows_its_definition_with_every_switch() {
    let default = AdamWConfig::default();
    let configs = [
        default,
        AdamWConfig { weight_decay: 0.2, ..default },
        AdamWConfig { weight_decay: 0.2, decay_vectors: true, ..default },
        AdamWConfig { bias_correction: false, max_grad_norm: Some(1.), ..default },
        AdamWConfig { max_grad_norm: Some(5.), eps: 0.1, ..default },
    ];
    for config in configs {
        let vars = vars();
        let mut adamw = AdamW::new(vars.clone(), config).unwrap();
        for t in 1..=STEPS {
            let report = adamw.step(&grads(&vars, t), LR).unwrap();
            assert!((report.grad_norm - grad_norm(t)).abs() < 1e-12);
            assert_eq!(report.clipped, config.max_grad_norm.is_some_and(|max| grad_norm(t) > max));
        }
        assert_close(&values(&vars), &naive_adamw(&config));
    }
}

#[test]
fn plain_sgd_follows_its_definition() {
    for max_grad_norm in [None, Some(6.)] {
        let vars = vars();
        let mut sgd =
            Sgd::new(vars.clone(), PlainSgdConfig { weight_decay: 0.1, max_grad_norm, momentum: 0. })
                .unwrap();
        let mut x = start(10);
        for t in 1..=STEPS {
            let report = sgd.step(&grads(&vars, t), LR).unwrap();
            let factor = max_grad_norm.map_or(1., |max| f64::min(1., max / grad_norm(t)));
            for (i, x) in x.iter_mut().enumerate() {
                *x = (1. - LR * 0.1) * *x - LR * factor * grad(t, i);
            }
            assert_eq!(report.threshold, max_grad_norm);
            assert!((report.clip_factor - factor).abs() < 1e-15);
        }
        assert_close(&values(&vars), &x);
    }
}

#[test]
fn sgd_with_momentum_follows_its_definition() {
    for max_grad_norm in [None, Some(6.)] {
        let vars = vars();
        let config = PlainSgdConfig { weight_decay: 0.1, max_grad_norm, momentum: 0.9 };
        let mut sgd = Sgd::new(vars.clone(), config).unwrap();
        let (mut x, mut v) = (start(10), [0.; 10]);
        for t in 1..=STEPS {
            let before = x.clone();
            let report = sgd.step(&grads(&vars, t), LR).unwrap();
            let factor = max_grad_norm.map_or(1., |max| f64::min(1., max / grad_norm(t)));
            for i in 0..10 {
                v[i] = 0.9 * v[i] + factor * grad(t, i);
                x[i] = (1. - LR * 0.1) * x[i] - LR * v[i];
            }
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let norm = |a: &[f64]| dot(a, a).sqrt();
            let cosine = dot(&before, &x) / (norm(&before) * norm(&x));
            assert!((report.angle.cos() - cosine).abs() < 1e-12);
            assert!((report.new_param_norm - norm(&x)).abs() < 1e-12);
            assert!((report.grad_norm - grad_norm(t)).abs() < 1e-12);
        }
        assert_close(&values(&vars), &x);
    }
}
