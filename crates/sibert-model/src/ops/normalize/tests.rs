#![allow(clippy::unwrap_used)]

use candle_core::{DType, Device};

use super::*;
use crate::ops::test_support::*;
use crate::tape::no_grad;

fn apply(inputs: &[Tensor]) -> Result<Tensor> {
    normalize(&inputs[0])
}

#[test]
fn normalize_matches_composed() {
    assert_matches(apply, |inputs| composed::normalize([&inputs[0]], ()), &[sample(&[2, 3, 37], 1)]);
}

#[test]
fn normalize_gradient_matches_finite_differences() {
    assert_gradients(apply, &[sample(&[3, 7], 1)]);
}

#[test]
fn normalize_has_degree_zero() {
    assert_homogeneous(apply, &[sample(&[5, 64], 1)], &[0], 0);
}

#[test]
fn normalize_is_scale_invariant_over_24_decades() {
    no_grad(|| {
        let x = sample(&[5, 64], 1).to_dtype(DType::F32).unwrap();
        for scale in [1e-12, 1e-6, 1e6, 1e12] {
            assert_close(&normalize(&(&x * scale).unwrap()).unwrap(), &normalize(&x).unwrap(), 2e-6);
        }
    });
}

#[test]
fn a_constant_row_gives_zeros_and_a_zero_gradient() {
    for constant in [0., 0.1, -3e7] {
        let x = Tensor::full(constant, (2, 37), &Device::Cpu).unwrap();
        let composed = |x: &Tensor| composed::normalize([x], ());
        for oracle in [&normalize as &dyn Fn(&Tensor) -> Result<Tensor>, &composed] {
            let apply = |inputs: &[Tensor]| oracle(&inputs[0]);
            assert!(values(&oracle(&x).unwrap()).iter().all(|&y| y == 0.));
            let gradients = gradients(apply, std::slice::from_ref(&x)).unwrap();
            assert!(values(&gradients[0]).iter().all(|&dx| dx == 0.));
        }
    }
}

#[test]
fn normalize_is_the_same_on_any_number_of_threads() {
    assert_same_on_any_number_of_threads(apply, &[sample(&[300, 130], 1)]);
}

#[test]
fn normalize_refuses_integers() {
    let x = Tensor::zeros((2, 3), DType::U32, &Device::Cpu).unwrap();
    let error = normalize(&x).unwrap_err().to_string();
    assert!(error.contains("normalize: dtype u32 is not f32 or f64"), "{error}");
}
