#![allow(clippy::unwrap_used)]

use candle_core::Device;

use super::*;
use crate::ops::test_support::*;
use crate::tape::no_grad;

/// Rows of five tokens: whole, with padding behind, with padding between.
fn keep(dtype: DType) -> Tensor {
    let keep = [[1., 1., 1., 1., 1.], [1., 1., 1., 0., 0.], [1., 0., 1., 1., 0f64]];
    Tensor::new(&keep, &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
}

fn spans() -> Tensor {
    Tensor::new(&[[1u32, 4], [2, 2], [3, 0]], &Device::Cpu).unwrap()
}

fn apply(inputs: &[Tensor]) -> Result<Tensor> {
    span_cross_entropy(&inputs[0], &keep(inputs[0].dtype()), &spans())
}

fn logits() -> [Tensor; 1] {
    [(sample(&[3, 5, 2], 1) * 8.).unwrap()]
}

#[test]
fn span_cross_entropy_matches_composed_and_finite_differences() {
    let composed = |inputs: &[Tensor]| {
        let answers = Answers { keep: keep(inputs[0].dtype()), spans: spans() };
        composed::span_cross_entropy([&inputs[0]], answers)
    };
    assert_matches(apply, composed, &logits());
    assert_gradients(apply, &logits());
}

#[test]
fn span_cross_entropy_is_the_mean_of_two_cross_entropies_where_nothing_is_padding() {
    no_grad(|| {
        let [logits] = logits();
        let ones = Tensor::ones((3, 5), DType::F64, &Device::Cpu).unwrap();
        let found = span_cross_entropy(&logits, &ones, &spans()).unwrap();
        let of = |end: usize| {
            let column = logits.narrow(2, end, 1).unwrap().squeeze(2).unwrap();
            crate::ops::cross_entropy(&column, &spans().narrow(1, end, 1).unwrap().squeeze(1).unwrap())
                .unwrap()
        };
        assert_close(&found, &((of(0) + of(1)).unwrap() / 2.).unwrap(), 1e-15);
    });
}

#[test]
fn logits_of_padding_do_not_matter() {
    no_grad(|| {
        let [logits] = logits();
        let padding = keep(DType::F64).eq(0.).unwrap().to_dtype(DType::F64).unwrap().unsqueeze(2).unwrap();
        let moved = logits.broadcast_add(&(padding * 1e6).unwrap()).unwrap();
        let [(loss, slope), (moved_loss, moved_slope)] = [[logits], [moved]]
            .map(|inputs| (values(&apply(&inputs).unwrap()), values(&gradients(apply, &inputs).unwrap()[0])));
        assert_eq!((&loss, &slope), (&moved_loss, &moved_slope));
        assert_eq!(&slope[16..20], [0.; 4]); // the two tokens of padding of the second row
    });
}

#[test]
fn large_logits_do_not_overflow() {
    no_grad(|| {
        let logits = Tensor::new(&[[[1e4f32, -1e4], [0., 0.]]], &Device::Cpu).unwrap();
        let keep = Tensor::ones((1, 2), DType::F32, &Device::Cpu).unwrap();
        let loss = |span: [u32; 2]| {
            span_cross_entropy(&logits, &keep, &Tensor::new(&[span], &Device::Cpu).unwrap()).unwrap()
        };
        assert_eq!([values(&loss([0, 1])), values(&loss([1, 0]))], [[0.], [1e4]]);
    });
}

#[test]
fn an_end_outside_the_real_tokens_is_refused() {
    for (span, expected) in [([1u32, 3], "the end 3 of row 1"), ([5, 2], "the start 5 of row 1")] {
        let spans = Tensor::new(&[[0u32, 0], span, [0, 0]], &Device::Cpu).unwrap();
        let of = || span_cross_entropy(&logits()[0], &keep(DType::F64), &spans);
        for error in [of(), no_grad(of)].map(|result| result.unwrap_err().to_string()) {
            let expected = format!("span_cross_entropy: {expected} is not at one of its 3 real tokens");
            assert!(error.contains(&expected), "{error}");
        }
    }
}
