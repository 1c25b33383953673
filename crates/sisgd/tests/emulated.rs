//! Whole trajectories on an emulated GPU against those of the CPU, for every optimizer and every switch.

#![allow(clippy::unwrap_used)]

mod support;

use candle_core::{DType, Device, Tensor, Var};
use cukernel_emulator::emulate;
use serde_json::Value;
use sisgd::{
    AdamW, AdamWConfig, Adapt, Decay, Deferred, Lamb, LambConfig, NamedVars, Optimizer, PlainSgdConfig, Sgd,
    SiSgd, SiSgdConfig,
};
use std::collections::HashMap;
use support::Given;

const STEPS: usize = 20;

fn wave(dims: &[usize], a: f64) -> Tensor {
    let values = (0..dims.iter().product()).map(|i: usize| (a * (i + 1) as f64).sin());
    let wide = Tensor::from_vec(values.collect::<Vec<_>>(), dims, &Device::Cpu).unwrap();
    wide.to_dtype(DType::F32).unwrap()
}

/// A table, a matrix, a vector, and a matrix of zeros, which has no trust ratio.
fn vars() -> NamedVars {
    let named = [("table", wave(&[6, 4], 0.3)), ("matrix", wave(&[3, 5], 0.7)), ("bias", wave(&[7], 1.3))];
    let zeros = ("zeros", Tensor::zeros((2, 2), DType::F32, &Device::Cpu).unwrap());
    let var = |(name, start): (&str, Tensor)| (name.to_string(), Var::from_tensor(&start).unwrap());
    named.into_iter().chain([zeros]).map(var).collect()
}

/// Gradients that depend on the step and on where the parameters are; every seventh is a spike.
fn grads(vars: &NamedVars, step: usize) -> Given {
    let scale = if step % 7 == 5 { 40. } else { 1. };
    let dense = |var: &Var| ((var.as_tensor() * 0.3).unwrap() + (step as f64 * 1.7).sin()).unwrap() * scale;
    let of = |(name, var): &(String, Var)| {
        let whole = dense(var).unwrap().detach();
        if name != "table" {
            return (var.clone(), None, whole);
        }
        let ids = vec![step as u32 % 3, 3 + step as u32 % 3];
        let rows = whole.index_select(&Tensor::new(&ids[..], &Device::Cpu).unwrap(), 0).unwrap();
        (var.clone(), Some(ids), rows)
    };
    Given(vars.iter().map(of).collect())
}

/// The reports of all steps, and parameters and state after them.
fn run<O: Optimizer>(mut optimizer: O) -> (Vec<Value>, Vec<f64>) {
    let vars = optimizer.vars().to_vec();
    let reports = (0..STEPS).map(|step| {
        let grads = grads(&vars, step);
        optimizer.check(&grads, 0.02).unwrap().enqueue().unwrap().map(|r| serde_json::to_value(r).unwrap())
    });
    let reports = Deferred::read(reports.collect()).unwrap().into_iter().map(Result::unwrap).collect();
    let state = optimizer.state().unwrap().into_iter().map(|(_, tensor)| tensor);
    let tensors = vars.iter().map(|(_, var)| var.as_tensor().clone()).chain(state);
    (reports, tensors.flat_map(|tensor| cukernel::download(&tensor).unwrap()).collect())
}

fn assert_close(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!(
        (found - expected).abs() <= tolerance * expected.abs().max(1.),
        "{what}: {found} is not {expected}"
    );
}

/// The same trajectory on both.
fn assert_follows<O: Optimizer>(what: &str, of: impl Fn(NamedVars) -> O) {
    let (reports, found) = emulate(|| run(of(vars())));
    let (expected_reports, expected) = run(of(vars()));
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        assert_close(*found, *expected, 2e-6, what);
    }
    assert_ne!(found, expected, "{what}: bit for bit the same, as if nothing was emulated");
    for (step, (found, expected)) in reports.iter().zip(&expected_reports).enumerate() {
        for (key, expected) in expected.as_object().unwrap() {
            let what = format!("{what}, {key} of step {step}");
            match (found[key].as_f64(), expected.as_f64()) {
                (Some(found), Some(expected)) => assert_close(found, expected, 1e-5, &what),
                _ => assert_eq!(&found[key], expected, "{what}"),
            }
        }
    }
}

#[test]
fn gradient_descent() {
    assert_follows("sisgd", |vars| SiSgd::new(vars, SiSgdConfig::default()).unwrap());
    let unclipped = SiSgdConfig { weight_decay: 0.1, clip: None };
    assert_follows("sisgd, unclipped", |vars| SiSgd::new(vars, unclipped).unwrap());
    let plain = PlainSgdConfig { weight_decay: 0.1, max_grad_norm: Some(3.), momentum: 0. };
    assert_follows("sgd", |vars| Sgd::new(vars, plain).unwrap());
    for max_grad_norm in [None, Some(3.)] {
        let momentum = PlainSgdConfig { momentum: 0.9, max_grad_norm, ..plain };
        assert_follows("sgd with momentum", |vars| Sgd::new(vars, momentum).unwrap());
    }
}

#[test]
fn adamw() {
    let default = AdamWConfig::default();
    let google = AdamWConfig { bias_correction: false, max_grad_norm: Some(1.), ..default };
    let vectors = AdamWConfig { decay_vectors: true, weight_decay: 0.3, ..default };
    for config in [default, google, vectors] {
        assert_follows(&format!("{config:?}"), |vars| AdamW::new(vars, config).unwrap());
    }
}

#[test]
fn lamb_with_every_switch() {
    let default = LambConfig { weight_decay: 0.1, ..LambConfig::default() };
    let variants = [
        default,
        LambConfig { bias_correction: false, grad_averaging: false, ..default },
        LambConfig { eps: 0.1, eps_root: 0.1, ..default },
        LambConfig { max_grad_norm: Some(3.), ..default },
        LambConfig { decay: Decay::Decoupled, decay_vectors: true, ..default },
        LambConfig { decay: Decay::L2, adapt: Adapt::Decayed, ..default },
        LambConfig { adapt: Adapt::All, ..default },
        LambConfig { eps: 10., trust_clip: true, ..default },
        LambConfig { adapt: Adapt::Decayed, weight_decay: 0., ..default },
    ];
    for config in variants {
        assert_follows(&format!("{config:?}"), |vars| Lamb::new(vars, config).unwrap());
    }
}

#[test]
fn state_goes_from_one_to_the_other() {
    let after = |emulated: [bool; 2]| {
        let vars = vars();
        let mut state = HashMap::new();
        for (emulated, steps) in emulated.into_iter().zip([0..3, 3..6]) {
            let go_on = || {
                let mut lamb = Lamb::new(vars.clone(), LambConfig::default()).unwrap();
                if !state.is_empty() {
                    lamb.load_state(&state).unwrap();
                }
                for step in steps {
                    lamb.step(&grads(&vars, step), 0.02).unwrap();
                }
                lamb.state().unwrap().into_iter().collect()
            };
            state = if emulated { emulate(go_on) } else { go_on() };
        }
        vars.iter().flat_map(|(_, var)| cukernel::download(var).unwrap()).collect::<Vec<_>>()
    };
    let expected = after([false, false]);
    for emulated in [[true, false], [false, true], [true, true]] {
        for (found, expected) in after(emulated).iter().zip(&expected) {
            assert_close(*found, *expected, 1e-6, &format!("{emulated:?}"));
        }
    }
}

#[test]
fn doubles_are_updated_without_kernels() {
    let vars: NamedVars = vars()
        .into_iter()
        .map(|(name, var)| (name, Var::from_tensor(&var.to_dtype(DType::F64).unwrap()).unwrap()))
        .collect();
    let mut sgd = SiSgd::new(vars.clone(), SiSgdConfig::default()).unwrap();
    let grads = Given(vars.iter().map(|(_, var)| (var.clone(), None, var.ones_like().unwrap())).collect());
    let step = emulate(|| sgd.check(&grads, 0.02).unwrap().enqueue().unwrap());
    assert!(step.pending().is_none());
}
