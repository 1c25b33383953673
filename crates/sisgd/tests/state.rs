//! Saving and loading optimizer state.

#![allow(clippy::unwrap_used)]

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor, Var};
use sisgd::{
    AdamW, AdamWConfig, Lamb, LambConfig, NamedVars, Optimizer, PlainSgdConfig, Sgd, SiSgd, SiSgdConfig,
};
use std::collections::HashMap;

fn vars(dtype: DType) -> NamedVars {
    let var = |dims: &[usize], a: f64| {
        let values: Vec<_> = (0..dims.iter().product()).map(|i| (a * (i + 1) as f64).sin()).collect();
        Var::from_tensor(&Tensor::from_vec(values, dims, &Device::Cpu).unwrap().to_dtype(dtype).unwrap())
            .unwrap()
    };
    vec![("head.weight".into(), var(&[7, 5], 0.3)), ("head.bias".into(), var(&[7], 0.5))]
}

fn grads(vars: &NamedVars, t: usize) -> GradStore {
    let mut grads = GradStore::default();
    for (_, var) in vars {
        grads.insert(var, ((var.as_tensor() * 0.3).unwrap() + (t as f64 * 1.7).sin()).unwrap().detach());
    }
    grads
}

/// A copy of the variables, as a checkpoint would hold them.
fn restored(vars: &NamedVars) -> NamedVars {
    let copy = |var: &Var| Var::from_tensor(&var.as_tensor().copy().unwrap().detach()).unwrap();
    vars.iter().map(|(name, var)| (name.clone(), copy(var))).collect()
}

fn bits(vars: &NamedVars) -> Vec<f64> {
    let wide = |var: &Var| var.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap();
    vars.iter().flat_map(|(_, var)| wide(var)).collect()
}

fn map(state: Vec<(String, Tensor)>) -> HashMap<String, Tensor> {
    state.into_iter().collect()
}

/// Four steps, and two steps, a restart, two steps.
macro_rules! assert_resumes {
    ($optimizer:ident, $config:expr) => {
        for dtype in [DType::F32, DType::F64] {
            let whole = vars(dtype);
            let mut optimizer = $optimizer::new(whole.clone(), $config).unwrap();
            for t in 0..2 {
                optimizer.step(&grads(&whole, t), 0.01).unwrap();
            }
            let (second, state) = (restored(&whole), map(optimizer.state().unwrap()));
            for t in 2..4 {
                optimizer.step(&grads(&whole, t), 0.01).unwrap();
            }

            let mut resumed = $optimizer::new(second.clone(), $config).unwrap();
            resumed.load_state(&state).unwrap();
            for t in 2..4 {
                resumed.step(&grads(&second, t), 0.01).unwrap();
            }
            assert_eq!(bits(&whole), bits(&second));
            assert_eq!(resumed.steps(), 4);
            let (left, right) = (optimizer.state().unwrap(), resumed.state().unwrap());
            for ((name, left), (same, right)) in left.iter().zip(&right) {
                assert_eq!(name, same);
                assert_eq!(left.to_string(), right.to_string());
            }
        }
    };
}

#[test]
fn restored_optimizers_continue_bit_for_bit() {
    assert_resumes!(Lamb, LambConfig::default());
    assert_resumes!(AdamW, AdamWConfig::default());
    assert_resumes!(SiSgd, SiSgdConfig::default());
    assert_resumes!(Sgd, PlainSgdConfig::default());
    assert_resumes!(Sgd, PlainSgdConfig { momentum: 0.9, ..PlainSgdConfig::default() });
}

#[test]
fn state_is_a_copy_that_later_steps_leave_alone() {
    let vars = vars(DType::F32);
    let mut lamb = Lamb::new(vars.clone(), LambConfig::default()).unwrap();
    lamb.step(&grads(&vars, 0), 0.01).unwrap();
    let state = lamb.state().unwrap();
    let before: Vec<_> = state.iter().map(|(_, tensor)| tensor.to_string()).collect();
    let mut other = Lamb::new(restored(&vars), LambConfig::default()).unwrap();
    other.load_state(&map(state.clone())).unwrap();
    lamb.step(&grads(&vars, 1), 0.01).unwrap();
    other.step(&grads(other.vars().to_vec().as_ref(), 1), 0.01).unwrap();
    let after: Vec<_> = state.iter().map(|(_, tensor)| tensor.to_string()).collect();
    assert_eq!(before, after);
}

#[test]
fn entries_are_named_after_the_variables_in_their_order() {
    let state = Lamb::new(vars(DType::F32), LambConfig::default()).unwrap().state().unwrap();
    let names: Vec<_> = state.iter().map(|(name, _)| name.as_str()).collect();
    let moments =
        ["exp_avg.head.weight", "exp_avg.head.bias", "exp_avg_sq.head.weight", "exp_avg_sq.head.bias"];
    assert_eq!(names[0], "step");
    assert_eq!(names[1..], moments);
    assert_eq!(state[1].1.dims(), [7, 5]);
    let state = SiSgd::new(vars(DType::F32), SiSgdConfig::default()).unwrap().state().unwrap();
    assert_eq!(state.len(), 1);
    let momentum = PlainSgdConfig { momentum: 0.9, ..PlainSgdConfig::default() };
    let state = Sgd::new(vars(DType::F32), momentum).unwrap().state().unwrap();
    assert_eq!(state[2].0, "momentum_buffer.head.bias");
    assert_eq!(state.len(), 3);
}

/// The message with which a changed state is refused; the optimizer's own state must not have changed.
fn refusal(change: impl Fn(&mut HashMap<String, Tensor>)) -> String {
    let vars = vars(DType::F32);
    let mut lamb = Lamb::new(vars.clone(), LambConfig::default()).unwrap();
    let mut state = map(lamb.state().unwrap());
    lamb.step(&grads(&vars, 0), 0.01).unwrap();
    change(&mut state);
    let error = lamb.load_state(&state).unwrap_err().to_string();
    assert_eq!(lamb.steps(), 1);
    error
}

#[test]
fn states_that_do_not_fit_are_refused_by_name() {
    let zeros = |dims: &[usize], dtype| Tensor::zeros(dims, dtype, &Device::Cpu).unwrap();
    let missing = refusal(|state| drop(state.remove("exp_avg_sq.head.bias")));
    assert!(missing.contains("`exp_avg_sq.head.bias` is missing"), "{missing}");
    let step = refusal(|state| drop(state.remove("step")));
    assert!(step.contains("`step` is missing"), "{step}");
    let extra = refusal(|state| drop(state.insert("exp_avg.old".into(), zeros(&[1], DType::F32))));
    assert!(extra.contains("`exp_avg.old` belongs to no variable"), "{extra}");
    let shape = refusal(|state| drop(state.insert("exp_avg.head.weight".into(), zeros(&[5, 7], DType::F32))));
    assert!(shape.contains("`exp_avg.head.weight` has shape [5, 7], expected [7, 5]"), "{shape}");
    let dtype = refusal(|state| drop(state.insert("exp_avg.head.bias".into(), zeros(&[7], DType::F64))));
    assert!(dtype.contains("`exp_avg.head.bias` has dtype f64, expected f32"), "{dtype}");
    let float = refusal(|state| drop(state.insert("step".into(), zeros(&[], DType::F32))));
    assert!(float.contains("`step` is f32"), "{float}");
    let negative =
        refusal(|state| drop(state.insert("step".into(), Tensor::new(-3i64, &Device::Cpu).unwrap())));
    assert!(negative.contains("`step` is -3"), "{negative}");
}
