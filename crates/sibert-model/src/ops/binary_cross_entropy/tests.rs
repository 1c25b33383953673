#![allow(clippy::unwrap_used)]

use candle_core::{DType, Device};

use super::*;
use crate::ops::test_support::*;
use crate::tape::no_grad;

/// Zeros, ones and a half in turn.
fn target(like: &Tensor) -> Tensor {
    let values = (0..like.elem_count()).map(|i| [0., 1., 0.5][i % 3]);
    let target = Tensor::from_iter(values, &Device::Cpu).unwrap();
    target.reshape(like.shape()).unwrap().to_dtype(like.dtype()).unwrap()
}

fn apply(inputs: &[Tensor]) -> Result<Tensor> {
    binary_cross_entropy(&inputs[0], &target(&inputs[0]))
}

#[test]
fn binary_cross_entropy_matches_composed_and_finite_differences() {
    let composed = |inputs: &[Tensor]| composed::binary_cross_entropy([&inputs[0]], target(&inputs[0]));
    assert_matches(apply, composed, &[sample(&[37, 3], 1)]);
    assert_gradients(apply, &[sample(&[7, 2], 1)]);
}

#[test]
fn no_elements_give_zero_and_large_logits_their_distance() {
    no_grad(|| {
        assert_eq!(values(&apply(&[sample(&[0, 2], 1)]).unwrap()), [0.]);
        let x = Tensor::new(&[[1e4f64, -1e4, 0.]], &Device::Cpu).unwrap();
        let loss = binary_cross_entropy(&x, &x.zeros_like().unwrap()).unwrap();
        assert_eq!(values(&loss), [1e4 + std::f64::consts::LN_2]);
    });
}

#[test]
fn a_target_of_another_form_is_refused() {
    let x = sample(&[3, 2], 1);
    let message = |target: Tensor| binary_cross_entropy(&x, &target).unwrap_err().to_string();
    let expected = "binary_cross_entropy: expected a target of f64 [3, 2], found ";
    assert!(message(sample(&[3], 2)).contains(&format!("{expected}f64 [3]")));
    assert!(message(target(&x).to_dtype(DType::F32).unwrap()).contains(&format!("{expected}f32 [3, 2]")));
}
