#![allow(clippy::unwrap_used)]

use super::*;
use crate::ops::test_support::*;

fn apply(inputs: &[Tensor]) -> Result<Tensor> {
    linear(&inputs[0], &inputs[1])
}

fn inputs() -> Vec<Tensor> {
    vec![sample(&[2, 3, 5], 1), sample(&[4, 5], 2)]
}

#[test]
fn linear_matches_composed() {
    let naive = |inputs: &[Tensor]| composed::linear([&inputs[0], &inputs[1]], ());
    assert_matches(apply, naive, &inputs());
}

fn with_bias() -> Vec<Tensor> {
    [inputs(), vec![sample(&[4], 3)]].concat()
}

#[test]
fn epilogues_match_composed_and_finite_differences() {
    let bias = |inputs: &[Tensor]| linear_bias(&inputs[0], &inputs[1], &inputs[2]);
    let relu = |inputs: &[Tensor]| linear_bias_relu(&inputs[0], &inputs[1], &inputs[2]);
    let naive = |inputs: &[Tensor], relu: bool| {
        composed::linear_bias([&inputs[0], &inputs[1], &inputs[2]], Rectifier(relu))
    };
    assert_matches(bias, |inputs| naive(inputs, false), &with_bias());
    assert_matches(relu, |inputs| naive(inputs, true), &with_bias());
    assert_gradients(bias, &with_bias());
    assert_gradients(relu, &with_bias());
    assert_same_on_any_number_of_threads(
        relu,
        &[sample(&[700, 130], 1), sample(&[190, 130], 2), sample(&[190], 3)],
    );
}

#[test]
fn linear_refuses_a_bias_of_another_length() {
    let error =
        linear_bias(&sample(&[2, 5], 1), &sample(&[4, 5], 2), &sample(&[5], 3)).unwrap_err().to_string();
    assert!(error.contains("bias of shape [5] does not fit weight of shape [4, 5]"), "{error}");
}

#[test]
fn linear_gradient_matches_finite_differences() {
    assert_gradients(apply, &inputs());
}

#[test]
fn the_gradients_of_all_that_reads_an_input_are_added() {
    let apply = |inputs: &[Tensor]| {
        let x = crate::ops::rotary(&inputs[0], 1, 10.)?; // a result: variables keep sums of their own
        let (y, z) = (linear(&x, &inputs[1])?, linear(&x, &inputs[2])?);
        let sum = crate::ops::residual(&y, &z, 0., 0, 0)?;
        crate::ops::residual(&sum, &crate::ops::normalize(&x)?, 0., 0, 0)
    };
    assert_gradients(apply, &[sample(&[2, 3, 4], 1), sample(&[4, 4], 2), sample(&[4, 4], 3)]);
}

#[test]
fn linear_adds_the_degrees_of_its_arguments() {
    assert_homogeneous(|inputs| linear(&inputs[0], &inputs[1]), &inputs(), &[0, 1], 2);
    assert_homogeneous(|inputs| linear(&inputs[0], &inputs[1]), &inputs(), &[1], 1);
}

#[test]
fn linear_is_the_same_on_any_number_of_threads() {
    for (rows, out, width) in [
        (700, 190, 130),
        (256, 512, 2048),
        (64, 1024, 410),
        (1, 300, 2000),
        (2, 300, 600),
        (5, 40, 2000),
        (33, 64, 900),
    ] {
        let inputs = [sample(&[rows, width], 1), sample(&[out, width], 2)];
        assert_same_on_any_number_of_threads(apply, &inputs);
    }
}

#[test]
fn linear_of_no_rows_has_a_zero_gradient() {
    let inputs = [sample(&[0, 5], 1), sample(&[4, 5], 2)];
    let gradients = gradients(apply, &inputs).unwrap();
    assert_eq!(gradients[1].to_vec2::<f64>().unwrap(), [[0.; 5]; 4]);
}

#[test]
fn linear_refuses_an_input_of_another_width() {
    let error = linear(&sample(&[2, 3], 1), &sample(&[4, 5], 2)).unwrap_err().to_string();
    assert!(error.contains("input of shape [2, 3] does not fit weight of shape [4, 5]"), "{error}");
}
