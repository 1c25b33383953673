#![allow(clippy::unwrap_used)]

use candle_core::DType;

use super::*;
use crate::ops::test_support::*;
use crate::tape::no_grad;

fn target(like: &Tensor) -> Tensor {
    (sample(like.dims(), 2) * 5.).unwrap().to_dtype(like.dtype()).unwrap()
}

fn apply(inputs: &[Tensor]) -> Result<Tensor> {
    squared_error(&inputs[0], &target(&inputs[0]))
}

#[test]
fn squared_error_matches_composed_and_finite_differences() {
    let composed = |inputs: &[Tensor]| composed::squared_error([&inputs[0]], target(&inputs[0]));
    assert_matches(apply, composed, &[sample(&[37, 1], 1)]);
    assert_gradients(apply, &[sample(&[7, 1], 1)]);
}

#[test]
fn no_elements_give_zero() {
    no_grad(|| {
        assert_eq!(values(&apply(&[sample(&[0, 1], 1)]).unwrap()), [0.]);
    });
}

#[test]
fn a_target_of_another_form_is_refused() {
    let x = sample(&[3, 1], 1);
    let message = |target: Tensor| squared_error(&x, &target).unwrap_err().to_string();
    let expected = "squared_error: expected a target of f64 [3, 1], found ";
    assert!(message(sample(&[3], 2)).contains(&format!("{expected}f64 [3]")));
    assert!(message(target(&x).to_dtype(DType::F32).unwrap()).contains(&format!("{expected}f32 [3, 1]")));
}
