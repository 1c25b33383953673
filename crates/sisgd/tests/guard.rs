//! A bad gradient on an emulated GPU changes nothing, in no group, and words that name it.

#![allow(clippy::unwrap_used)]

use candle_core::backprop::GradStore;
use candle_core::{Device, Result, Tensor, Var};
use cukernel_emulator::emulate;
use sisgd::{
    AdamW, AdamWConfig, Adapt, Deferred, Guard, Lamb, LambConfig, NamedVars, Optimizer, PlainSgdConfig, Sgd,
    SiSgd, SiSgdConfig, StepReport, UpdateReport,
};

const ENCODER: [f32; 3] = [3., 0., 4.];
const HEAD: [f32; 2] = [1., 2.];

/// An encoder and a head under one guard.
struct Pair {
    encoder: SiSgd,
    head: Lamb,
    guard: Guard,
    vars: NamedVars,
}

impl Pair {
    fn new() -> Self {
        let var = |values: &[f32]| Var::new(values, &Device::Cpu).unwrap();
        let vars = vec![("encoder".to_string(), var(&ENCODER)), ("head".to_string(), var(&HEAD))];
        let unclipped = SiSgdConfig { clip: None, ..SiSgdConfig::default() };
        let mut encoder = SiSgd::new(vec![vars[0].clone()], unclipped).unwrap();
        let adapting = LambConfig { adapt: Adapt::All, ..LambConfig::default() };
        let mut head = Lamb::new(vec![vars[1].clone()], adapting).unwrap();
        let guard = Guard::new();
        encoder.share_guard(&guard);
        head.share_guard(&guard);
        Self { encoder, head, guard, vars }
    }

    /// A step with these values in both gradients.
    fn step(&mut self, encoder: f32, head: f32) -> Deferred<(StepReport, UpdateReport)> {
        let grads = self.grads(encoder, head);
        let encoder = self.encoder.check(&grads, 0.1).unwrap();
        let head = self.head.check(&grads, 0.1).unwrap();
        encoder.enqueue().unwrap().zip(head.enqueue().unwrap()).unwrap()
    }

    fn grads(&self, encoder: f32, head: f32) -> GradStore {
        let mut grads = GradStore::default();
        grads.insert(&self.vars[0].1, Tensor::new(&[1f32, encoder, 1.], &Device::Cpu).unwrap());
        grads.insert(&self.vars[1].1, Tensor::new(&[0f32, head], &Device::Cpu).unwrap());
        grads
    }

    /// Parameters and state, to the bit.
    fn values(&self) -> Vec<f64> {
        let state = self.head.state().unwrap().into_iter().skip(1).map(|(_, tensor)| tensor);
        let vars = self.vars.iter().map(|(_, var)| var.as_tensor().clone());
        vars.chain(state).flat_map(|tensor| cukernel::download(&tensor).unwrap()).collect()
    }
}

/// The first line of an error; a backtrace follows where the environment asks for one.
fn words<T: std::fmt::Debug>(result: Result<T>) -> String {
    result.unwrap_err().to_string().lines().next().unwrap().to_string()
}

#[test]
fn after_a_bad_gradient_nothing_changes_in_any_group() {
    let cases = [
        (f32::NAN, 0., "the gradient of `encoder` is not finite: its norm is NaN"),
        (f32::INFINITY, f32::NAN, "the gradient of `encoder` is not finite: its norm is inf"),
        (0., f32::NAN, "the gradient of `head` is not finite: its norm is NaN"),
        (0., f32::NEG_INFINITY, "the gradient of `head` is not finite: its norm is inf"),
        (
            0.,
            1e30,
            "the gradient of `head` has norm 1.0000000150474662e30: its square overflows the second moment",
        ),
    ];
    for (encoder, head, expected) in cases {
        emulate(|| {
            let mut pair = Pair::new();
            let good = pair.step(0.5, 0.5);
            let before = pair.values();
            let steps = vec![good, pair.step(encoder, head), pair.step(0.5, 0.5)];
            assert_eq!(pair.values(), before);
            let mut read = Deferred::read(steps).unwrap().into_iter();
            assert_eq!(read.next().unwrap().unwrap().0.grad_norm, 1.5);
            let expected = format!("{expected}; nothing has changed from step 2 on");
            assert_eq!([(); 2].map(|()| words(read.next().unwrap())), [(); 2].map(|()| expected.clone()));
            assert_eq!(pair.guard.refusal().unwrap(), Some(expected));
        });
    }
}

#[test]
fn a_lowered_guard_lets_steps_pass_again() {
    emulate(|| {
        let mut pair = Pair::new();
        assert_eq!(pair.guard.refusal().unwrap(), None);
        assert!(pair.step(f32::NAN, 0.).wait().is_err());
        pair.guard.lower();
        let before = pair.values();
        pair.step(0.5, 0.5).wait().unwrap();
        assert_ne!(pair.values(), before);
    });
}

#[test]
fn both_reports_of_a_step_tell_of_the_other_groups_gradient() {
    emulate(|| {
        let mut pair = Pair::new();
        let grads = pair.grads(0., f32::NAN);
        let encoder = pair.encoder.check(&grads, 0.1).unwrap();
        let head = pair.head.check(&grads, 0.1).unwrap();
        for error in [words(encoder.apply()), words(head.apply())] {
            assert!(error.starts_with("the gradient of `head` is not finite"), "{error}");
        }
    });
}

/// The words of an optimizer about a gradient on the emulated GPU; its variable must not have changed.
fn refusal<O: Optimizer>(x: &[f32], gradient: &[f32], lr: f64, of: impl Fn(NamedVars) -> O) -> String {
    let var = Var::new(x, &Device::Cpu).unwrap();
    let mut grads = GradStore::default();
    grads.insert(&var, Tensor::new(gradient, &Device::Cpu).unwrap());
    let mut optimizer = of(vec![("x".to_string(), var.clone())]);
    let state = |optimizer: &O| optimizer.state().unwrap().into_iter().skip(1).map(|(_, t)| t.to_string());
    let before: Vec<_> = state(&optimizer).collect();
    let error = emulate(|| words(optimizer.check(&grads, lr).unwrap().apply()));
    assert_eq!(format!("{:?}", var.to_vec1::<f32>().unwrap()), format!("{x:?}"));
    assert_eq!(state(&optimizer).collect::<Vec<_>>(), before);
    error
}

#[test]
fn steps_out_of_the_numbers_are_refused_as_on_the_cpu() {
    let plain = PlainSgdConfig::default();
    let sgd = |momentum| move |vars| Sgd::new(vars, PlainSgdConfig { momentum, ..plain }).unwrap();
    let error = refusal(&ENCODER, &[1e38, 0., 0.], 100., sgd(0.));
    let expected =
        "a step along a gradient of norm 9.999999680285692e37 overflows the parameters: norm 9.99999968";
    assert!(error.starts_with(expected), "{error}");
    assert_eq!(refusal(&ENCODER, &[1e38, 0., 0.], 100., sgd(0.9)), error);
    let sisgd = |vars| SiSgd::new(vars, SiSgdConfig::default()).unwrap();
    let zero = refusal(&[0., 0.], &[1., 1.], 0.1, sisgd);
    assert!(zero.starts_with("the parameters are all zero: a scale-invariant loss"), "{zero}");
    let parameter = refusal(&[f32::INFINITY, 0.], &[1., 1.], 0.1, sisgd);
    assert!(parameter.starts_with("`x` is not finite: its norm is inf"), "{parameter}");
    let square = refusal(&HEAD, &[1e30, 0.], 0.1, |vars| AdamW::new(vars, AdamWConfig::default()).unwrap());
    assert!(square.contains("its square overflows the second moment"), "{square}");
}

#[test]
fn a_velocity_that_leads_out_of_the_numbers_is_not_taken() {
    emulate(|| {
        let var = Var::new(&ENCODER, &Device::Cpu).unwrap();
        let config = PlainSgdConfig { momentum: 0.9, ..PlainSgdConfig::default() };
        let mut sgd = Sgd::new(vec![("x".to_string(), var.clone())], config).unwrap();
        let mut grads = GradStore::default();
        grads.insert(&var, Tensor::new(&[2e38f32, 0., 0.], &Device::Cpu).unwrap());
        sgd.step(&grads, 0.1).unwrap();
        let before = (var.to_vec1::<f32>().unwrap(), sgd.state().unwrap()[1].1.to_vec1::<f32>().unwrap());
        // The gradient alone would lead to norm 3e38, the velocity to 4.6e38.
        let error = words(sgd.step(&grads, 1.2));
        assert!(error.starts_with("a step along a gradient of norm 3.79"), "{error}");
        assert_eq!((var.to_vec1().unwrap(), sgd.state().unwrap()[1].1.to_vec1().unwrap()), before);
    });
}

#[test]
fn what_the_host_can_see_is_refused_at_once() {
    emulate(|| {
        let mut pair = Pair::new();
        let missing = words(pair.head.check(&GradStore::default(), 0.1));
        assert_eq!(missing, "no gradient for `head`: the loss does not depend on it");
        assert!(words(pair.encoder.check(&GradStore::default(), 0.)).starts_with("lr 0 is not a positive"));
        pair.step(0.5, 0.5).wait().unwrap();
    });
}

#[test]
fn a_dropped_step_changes_nothing_and_numbers_must_be_as_many_as_awaited() {
    emulate(|| {
        let mut pair = Pair::new();
        let before = pair.values();
        let grads = pair.grads(0.5, 0.5);
        drop(pair.encoder.check(&grads, 0.1).unwrap());
        assert_eq!((pair.values(), pair.encoder.steps()), (before, 0));
        let step = pair.encoder.check(&grads, 0.1).unwrap().enqueue().unwrap();
        let awaited = step.pending().unwrap().elem_count();
        let error = words(step.finish(&[0.]));
        assert_eq!(error, format!("a result awaits {awaited} numbers, found 1"));
    });
}
