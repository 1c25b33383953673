#![allow(clippy::unwrap_used)]

use candle_core::DType;
use sibert_products::Precision;

use super::*;
use crate::ops::test_support::*;
use crate::tape::no_grad;

fn apply(inputs: &[Tensor]) -> Result<Tensor> {
    feed_forward(&inputs[0], &inputs[1], &inputs[2], &inputs[3])
}

/// The two operations that it stands for.
fn others(inputs: &[Tensor]) -> Result<Tensor> {
    linear(&linear_bias_relu(&inputs[0], &inputs[1], &inputs[2])?, &inputs[3])
}

fn inputs(lines: &[usize], width: usize, wide: usize, out: usize) -> Vec<Tensor> {
    let x = sample(&[lines, &[width]].concat(), 1);
    vec![x, sample(&[wide, width], 2), sample(&[wide], 3), sample(&[out, wide], 4)]
}

#[test]
fn a_feed_forward_block_matches_its_two_maps_and_finite_differences() {
    let inputs = inputs(&[2, 3], 5, 7, 4);
    assert_matches(apply, others, &inputs);
    assert_gradients(apply, &inputs);
}

#[test]
fn a_feed_forward_block_is_the_same_on_any_number_of_threads() {
    for precision in [Precision::F32, Precision::Bf16, Precision::Bf16x3] {
        let apply = |inputs: &[Tensor]| precision.scope(|| apply(inputs));
        assert_same_on_any_number_of_threads(apply, &inputs(&[350, 2], 130, 190, 70));
    }
}

/// What is between the two maps is rounded for products that would round it: only the bias's gradient, a sum, sees a difference.
#[test]
fn a_feed_forward_block_has_the_bits_of_its_two_maps() {
    let inputs: Vec<Tensor> =
        inputs(&[3, 50], 600, 130, 70).iter().map(|x| x.to_dtype(DType::F32).unwrap()).collect();
    for precision in [Precision::F32, Precision::Bf16, Precision::Bf16x3] {
        let results = [apply, others].map(|f| {
            let f = |inputs: &[Tensor]| precision.scope(|| f(inputs));
            (no_grad(|| f(&inputs)).unwrap(), gradients(f, &inputs).unwrap())
        });
        let [(y, gradients), (expected_y, expected)] = results;
        assert!(values(&y) == values(&expected_y), "{precision}");
        for (i, (found, expected)) in gradients.iter().zip(&expected).enumerate() {
            if i == 2 && precision == Precision::Bf16 {
                assert_close(found, expected, 2e-3);
            } else {
                assert!(values(found) == values(expected), "{precision}: gradient {i}");
            }
        }
    }
}

#[test]
fn weights_that_do_not_follow_each_other_are_refused() {
    let inputs = inputs(&[2, 3], 5, 7, 4);
    let error =
        feed_forward(&inputs[0], &inputs[1], &inputs[2], &sample(&[4, 6], 4)).unwrap_err().to_string();
    assert!(error.contains("weights of shape [7, 5] and [4, 6] do not follow each other"), "{error}");
}
