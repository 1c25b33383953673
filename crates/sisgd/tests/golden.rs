//! One step of SiSGD and of LAMB against an independent f64 implementation in PyTorch.
//!
//! `data/one-step.safetensors` holds parameters, gradients and parameters after the step of a two-layer SIBERT: SiSGD on
//! `sibert.*` with a step that is clipped, LAMB on `cls.*`.

#![allow(clippy::unwrap_used)]

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor, Var};
use sisgd::{Lamb, LambConfig, NamedVars, SiSgd, SiSgdConfig};
use std::collections::HashMap;

/// The values are stored in f32.
const TOLERANCE: f64 = 1e-6;

struct Golden {
    tensors: HashMap<String, Tensor>,
    vars: NamedVars,
    grads: GradStore,
}

impl Golden {
    fn of(prefix: &str, dtype: DType) -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/one-step.safetensors");
        let tensors = candle_core::safetensors::load(path, &Device::Cpu).unwrap();
        let mut names: Vec<_> = tensors.keys().filter_map(|name| name.strip_prefix("param.")).collect();
        names.retain(|name| name.starts_with(prefix));
        names.sort();
        let (mut vars, mut grads) = (vec![], GradStore::default());
        for name in names {
            let get = |kind: &str| tensors[&format!("{kind}.{name}")].to_dtype(dtype).unwrap();
            let var = Var::from_tensor(&get("param")).unwrap();
            grads.insert(&var, get("grad"));
            vars.push((name.to_string(), var));
        }
        Self { tensors, vars, grads }
    }

    fn assert_stepped(&self) {
        let wide = |tensor: &Tensor| tensor.to_dtype(DType::F64).unwrap();
        let norm =
            |tensor: &Tensor| tensor.sqr().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap().sqrt();
        for (name, var) in &self.vars {
            let expected = wide(&self.tensors[&format!("after1.{name}")]);
            let start = wide(&self.tensors[&format!("param.{name}")]);
            let error = norm(&(wide(var) - &expected).unwrap()) / norm(&expected).max(1e-3);
            assert!(error < TOLERANCE, "`{name}` is off by {error:e}");
            assert!(norm(&(start - &expected).unwrap()) > 0., "`{name}` did not move");
        }
    }
}

#[test]
fn clipped_sisgd_matches_the_golden_step() {
    for dtype in [DType::F32, DType::F64] {
        let golden = Golden::of("sibert.", dtype);
        let config = SiSgdConfig { weight_decay: 1e-4, clip: Some(2.) };
        let report = SiSgd::new(golden.vars.clone(), config).unwrap().step(&golden.grads, 0.05).unwrap();
        golden.assert_stepped();
        assert!(report.clipped && report.euler.abs() < 1e-6);
        assert!((report.grad_norm / 1.9907790106390044 - 1.).abs() < TOLERANCE);
        assert!((report.param_norm / 6.299319909956781 - 1.).abs() < TOLERANCE);
        assert!((report.threshold.unwrap() / 0.7968079450204085 - 1.).abs() < TOLERANCE);
        assert!((report.new_param_norm / 6.299414399125509 - 1.).abs() < TOLERANCE);
    }
}

#[test]
fn lamb_with_default_switches_matches_the_golden_step() {
    for dtype in [DType::F32, DType::F64] {
        let golden = Golden::of("cls.", dtype);
        Lamb::new(golden.vars.clone(), LambConfig::default()).unwrap().step(&golden.grads, 0.002).unwrap();
        golden.assert_stepped();
    }
}
