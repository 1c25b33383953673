#![allow(clippy::unwrap_used)]

use candle_core::Device;

use super::*;
use crate::ops::test_support::*;
use crate::tape::no_grad;

fn labels(rows: u32, vocab: u32) -> Tensor {
    Tensor::from_iter((0..rows).map(|i| i.wrapping_mul(2_654_435_761) % vocab), &Device::Cpu).unwrap()
}

fn logits(rows: usize, vocab: usize) -> [Tensor; 1] {
    [(sample(&[rows, vocab], 1) * 8.).unwrap()]
}

#[test]
fn cross_entropy_matches_composed() {
    let composed = |inputs: &[Tensor]| composed::cross_entropy([&inputs[0]], labels(9, 37));
    assert_matches(|inputs| cross_entropy(&inputs[0], &labels(9, 37)), composed, &logits(9, 37));
}

#[test]
fn cross_entropy_gradient_matches_finite_differences() {
    assert_gradients(|inputs| cross_entropy(&inputs[0], &labels(4, 7)), &logits(4, 7));
}

#[test]
fn cross_entropy_is_the_same_on_any_number_of_threads() {
    let labels = labels(300, 130);
    assert_same_on_any_number_of_threads(|inputs| cross_entropy(&inputs[0], &labels), &logits(300, 130));
}

#[test]
fn large_logits_do_not_overflow() {
    no_grad(|| {
        let logits = Tensor::new(&[[1e4f32, 0.], [-1e4, 0.]], &Device::Cpu).unwrap();
        let loss = cross_entropy(&logits, &Tensor::new(&[0u32, 0], &Device::Cpu).unwrap()).unwrap();
        assert_eq!(loss.to_scalar::<f32>().unwrap(), 1e4);
    });
}

#[test]
fn no_rows_give_zero_loss_and_an_empty_gradient() {
    let logits = sample(&[0, 7], 1);
    let composed = |inputs: &[Tensor]| composed::cross_entropy([&inputs[0]], labels(0, 7));
    let kernels = |inputs: &[Tensor]| cross_entropy(&inputs[0], &labels(0, 7));
    for apply in [&kernels as &dyn Fn(&[Tensor]) -> Result<Tensor>, &composed] {
        assert_eq!(apply(std::slice::from_ref(&logits)).unwrap().to_scalar::<f64>().unwrap(), 0.);
        assert_eq!(gradients(apply, std::slice::from_ref(&logits)).unwrap()[0].dims(), [0, 7]);
    }
}

#[test]
fn a_label_beyond_the_vocabulary_is_refused() {
    let labels = Tensor::new(&[1u32, 7], &Device::Cpu).unwrap();
    let error = cross_entropy(&sample(&[2, 7], 1), &labels).unwrap_err().to_string();
    assert!(error.contains("cross_entropy: label 7 of row 1 is not below the vocabulary's 7"), "{error}");
}
