#![allow(clippy::unwrap_used)]

use super::*;
use crate::ops::test_support::*;
use crate::tape::no_grad;

fn apply(inputs: &[Tensor]) -> Result<Tensor> {
    layer_norm(&inputs[0], &inputs[1], &inputs[2], 1e-3)
}

fn inputs(rows: usize, width: usize) -> [Tensor; 3] {
    [sample(&[rows, width], 1), sample(&[width], 2), sample(&[width], 3)]
}

#[test]
fn layer_norm_matches_composed() {
    let composed = |inputs: &[Tensor]| composed::layer_norm([&inputs[0], &inputs[1], &inputs[2]], Some(1e-3));
    assert_matches(apply, composed, &inputs(7, 37));
}

#[test]
fn layer_norm_gradient_matches_finite_differences() {
    assert_gradients(apply, &inputs(3, 7));
}

#[test]
fn layer_norm_is_the_same_on_any_number_of_threads() {
    assert_same_on_any_number_of_threads(apply, &inputs(300, 130));
}

#[test]
fn layer_norm_refuses_a_weight_of_another_width() {
    let [x, _, bias] = inputs(3, 7);
    let error = layer_norm(&x, &sample(&[6], 2), &bias, 1e-3).unwrap_err().to_string();
    assert!(error.contains("weight of shape [6] does not fit input of shape [3, 7]"), "{error}");
}
fn exact(inputs: &[Tensor]) -> Result<Tensor> {
    normalize_affine(&inputs[0], &inputs[1], &inputs[2])
}

#[test]
fn normalize_affine_matches_composed() {
    let composed = |inputs: &[Tensor]| composed::layer_norm([&inputs[0], &inputs[1], &inputs[2]], None);
    assert_matches(exact, composed, &inputs(7, 37));
}

#[test]
fn normalize_affine_gradient_matches_finite_differences() {
    assert_gradients(exact, &inputs(3, 7));
}

#[test]
fn normalize_affine_has_degree_zero_in_x_and_one_in_its_parameters() {
    assert_homogeneous(exact, &inputs(5, 64), &[0], 0);
    assert_homogeneous(exact, &inputs(5, 64), &[1, 2], 1);
}

#[test]
fn a_constant_row_gives_the_bias_and_a_zero_gradient() {
    no_grad(|| {
        let [_, weight, bias] = inputs(1, 37);
        let x = Tensor::full(0.1, (1, 37), &candle_core::Device::Cpu).unwrap();
        let inputs = [x, weight, bias];
        assert_eq!(values(&exact(&inputs).unwrap()), values(&inputs[2]));
        assert!(values(&gradients(exact, &inputs).unwrap()[0]).iter().all(|&dx| dx == 0.));
    });
}
