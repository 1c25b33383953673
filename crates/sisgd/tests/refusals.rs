//! The refusals of the optimizers, their words, and that nothing has changed then.

#![allow(clippy::unwrap_used)]

use candle_core::backprop::GradStore;
use candle_core::{Device, Result, Tensor, Var};
use sisgd::{AdamW, AdamWConfig, Lamb, LambConfig, NamedVars, PlainSgdConfig, Sgd, SiSgd, SiSgdConfig};
use sisgd::{Optimizer, StepReport, check_gradients};

fn vars() -> NamedVars {
    let var = |values: &[f32]| Var::new(values, &Device::Cpu).unwrap();
    vec![("first".into(), var(&[3., 0., 4.])), ("second".into(), var(&[1., 2.]))]
}

fn grads(vars: &NamedVars, first: &[f32], second: &[f32]) -> GradStore {
    let mut grads = GradStore::default();
    grads.insert(&vars[0].1, Tensor::new(first, &Device::Cpu).unwrap());
    grads.insert(&vars[1].1, Tensor::new(second, &Device::Cpu).unwrap());
    grads
}

/// The message with which every optimizer refuses a step; no parameter may have changed.
fn refusal(lr: f64, grads: impl Fn(&NamedVars) -> GradStore) -> String {
    type Step = Box<dyn FnMut(&GradStore, f64) -> Result<()>>;
    let optimizers: [fn(NamedVars) -> Step; 4] = [
        |vars| {
            let mut sgd = SiSgd::new(vars, SiSgdConfig::default()).unwrap();
            Box::new(move |grads, lr| sgd.step(grads, lr).map(|_| ()))
        },
        |vars| {
            let mut sgd =
                Sgd::new(vars, PlainSgdConfig { weight_decay: 0.01, max_grad_norm: Some(1.), momentum: 0. })
                    .unwrap();
            Box::new(move |grads, lr| sgd.step(grads, lr).map(|_| ()))
        },
        |vars| {
            let mut lamb =
                Lamb::new(vars, LambConfig { decay: sisgd::Decay::Decoupled, ..Default::default() }).unwrap();
            Box::new(move |grads, lr| lamb.step(grads, lr).map(|_| ()))
        },
        |vars| {
            let mut adamw = AdamW::new(vars, AdamWConfig::default()).unwrap();
            Box::new(move |grads, lr| adamw.step(grads, lr).map(|_| ()))
        },
    ];
    let mut messages: Vec<_> = optimizers
        .iter()
        .map(|optimizer| {
            let vars = vars();
            let error = optimizer(vars.clone())(&grads(&vars), lr).unwrap_err().to_string();
            assert_eq!(vars[0].1.to_vec1::<f32>().unwrap(), [3., 0., 4.]);
            assert_eq!(vars[1].1.to_vec1::<f32>().unwrap(), [1., 2.]);
            // A backtrace follows where the environment asks for one.
            error.lines().next().unwrap().to_string()
        })
        .collect();
    messages.dedup();
    assert_eq!(messages.len(), 1, "{messages:?}");
    messages.remove(0)
}

#[test]
fn a_variable_without_a_gradient_is_named() {
    let message = refusal(0.1, |vars| vars[0].1.sqr().unwrap().sum_all().unwrap().backward().unwrap());
    assert_eq!(message, "no gradient for `second`: the loss does not depend on it");
}

#[test]
fn a_non_finite_gradient_is_named_before_any_parameter_changes() {
    let nan = refusal(0.1, |vars| grads(vars, &[1., 1., 1.], &[f32::NAN, f32::INFINITY]));
    assert_eq!(nan, "the gradient of `second` is not finite: NaN at index 0, 2 of 2 such values");
    let infinite = refusal(0.1, |vars| grads(vars, &[1., f32::NEG_INFINITY, 1.], &[0., 0.]));
    assert_eq!(infinite, "the gradient of `first` is not finite: -inf at index 1, 1 of 3 such values");
}

#[test]
fn a_gradient_that_does_not_fit_is_named() {
    let shape = refusal(0.1, |vars| grads(vars, &[1., 1.], &[1., 1.]));
    assert_eq!(shape, "the gradient of `first` has shape [2], expected [3]");
    let dtype = refusal(0.1, |vars| {
        let mut grads = grads(vars, &[1., 1., 1.], &[1., 1.]);
        grads.insert(&vars[1].1, Tensor::new(&[1f64, 1.], &Device::Cpu).unwrap());
        grads
    });
    assert_eq!(dtype, "the gradient of `second` has dtype f64, expected f32");
}

#[test]
fn a_rate_that_is_not_positive_or_erases_the_parameters_is_refused() {
    for lr in [0., -0.1, f64::NAN, f64::INFINITY] {
        let message = refusal(lr, |vars| grads(vars, &[1., 1., 1.], &[1., 1.]));
        assert!(message.starts_with(&format!("lr {lr} is not a positive finite number")), "{message}");
    }
    let message = refusal(100., |vars| grads(vars, &[1., 1., 1.], &[1., 1.]));
    assert!(message.contains("lr 100 times weight_decay 0.01 is 1"), "{message}");
}

#[test]
fn gradients_whose_step_overflows_are_refused() {
    let vars = vars();
    let huge = grads(&vars, &[3e38, 3e38, 3e38], &[1., 1.]);
    let mut sgd = SiSgd::new(vars.clone(), SiSgdConfig { weight_decay: 0., clip: None }).unwrap();
    assert!(sgd.step(&huge, 100.).unwrap_err().to_string().contains("overflows the parameters"));
    let mut adamw = AdamW::new(vars.clone(), AdamWConfig::default()).unwrap();
    assert!(adamw.step(&huge, 0.1).unwrap_err().to_string().contains("`first`"));
    assert_eq!(vars[0].1.to_vec1::<f32>().unwrap(), [3., 0., 4.]);
    // The same gradient, clipped, is an ordinary step.
    SiSgd::new(vars.clone(), SiSgdConfig::default()).unwrap().step(&huge, 0.1).unwrap();
}

#[test]
fn configurations_that_mean_nothing_are_refused() {
    let refusal = |weight_decay, clip| {
        SiSgd::new(vars(), SiSgdConfig { weight_decay, clip }).map(|_| ()).unwrap_err().to_string()
    };
    let zero = refusal(0., Some(2.));
    assert!(
        zero.contains("would erase every gradient: set weight_decay above 0, or clip to `None`"),
        "{zero}"
    );
    assert!(refusal(0.1, Some(0.5)).contains("clip 0.5 is not a finite number of at least 1"));
    assert!(refusal(0.1, Some(f64::INFINITY)).contains("no clipping is `None`"));
    assert!(refusal(-0.1, None).contains("weight_decay -0.1"));
    assert!(refusal(f64::NAN, None).contains("weight_decay NaN"));
    assert!(Lamb::new(vars(), LambConfig { betas: (1., 0.9), ..Default::default() }).is_err());
    assert!(AdamW::new(vars(), AdamWConfig { eps: 0., ..Default::default() }).is_err());
    assert!(Sgd::new(vars(), PlainSgdConfig { max_grad_norm: Some(0.), ..Default::default() }).is_err());
    assert!(Sgd::new(vars(), PlainSgdConfig { momentum: 1., ..Default::default() }).is_err());
    assert!(SiSgd::new(vec![], SiSgdConfig::default()).is_err());
}

#[test]
fn parameters_that_are_all_zero_are_refused() {
    let zero = vec![("x".to_string(), Var::new(&[0f32, 0.], &Device::Cpu).unwrap())];
    let mut grads = GradStore::default();
    grads.insert(&zero[0].1, Tensor::new(&[1f32, 1.], &Device::Cpu).unwrap());
    let error = SiSgd::new(zero, SiSgdConfig::default()).unwrap().step(&grads, 0.1).unwrap_err();
    assert!(error.to_string().contains("all zero"));
}

#[test]
fn a_zero_gradient_only_decays() {
    let vars = vars();
    let mut sgd = SiSgd::new(vars.clone(), SiSgdConfig { weight_decay: 0.5, clip: Some(2.) }).unwrap();
    let report: StepReport = sgd.step(&grads(&vars, &[0.; 3], &[0.; 2]), 0.1).unwrap();
    assert_eq!(vars[0].1.to_vec1::<f32>().unwrap(), [3. * 0.95, 0., 4. * 0.95]);
    assert_eq!((report.grad_norm, report.clip_factor, report.angle, report.euler), (0., 1., 0., 0.));
    let mut lamb = Lamb::new(vars.clone(), LambConfig::default()).unwrap();
    lamb.step(&grads(&vars, &[0.; 3], &[0.; 2]), 0.1).unwrap();
    assert_eq!(vars[0].1.to_vec1::<f32>().unwrap(), [3. * 0.95, 0., 4. * 0.95]);
}

#[test]
fn gradients_of_a_group_can_be_checked_alone() {
    let vars = vars();
    assert_eq!(check_gradients(&vars, &grads(&vars, &[1., 2., 2.], &[4., 0.])).unwrap(), 5.);
    let bad = check_gradients(&vars, &grads(&vars, &[1., 2., 2.], &[f32::NAN, 0.])).unwrap_err();
    assert!(bad.to_string().contains("`second`"));
}

#[test]
fn a_step_that_is_checked_and_not_applied_changes_nothing() {
    let vars = vars();
    let grads = grads(&vars, &[1., 2., 2.], &[4., 0.]);
    let mut sgd = SiSgd::new(vars.clone(), SiSgdConfig::default()).unwrap();
    let mut lamb = Lamb::new(vars.clone(), LambConfig::default()).unwrap();
    drop(sgd.check(&grads, 0.1).unwrap());
    drop(lamb.check(&grads, 0.1).unwrap());
    assert_eq!((sgd.steps(), lamb.steps()), (0, 0));
    assert_eq!(vars[0].1.to_vec1::<f32>().unwrap(), [3., 0., 4.]);
    let norm = sgd.check(&grads, 0.1).unwrap().map(|report| report.grad_norm).apply().unwrap();
    assert_eq!((norm, sgd.steps()), (5., 1));
}
