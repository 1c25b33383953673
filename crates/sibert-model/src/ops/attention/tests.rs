#![allow(clippy::unwrap_used)]

use candle_core::{DType, Device};

use super::*;
use crate::ops::test_support::*;
use crate::ops::{dropout_mask, unit_heads};
use crate::tape::no_grad;

const HEADS: usize = 2;

/// The last has a factor that is no head's `1 / √dim`.
const RULES: [Weights; 3] = [Weights::Relu, SOFTMAX, Weights::Softmax { scale: 1.7 }];
const SOFTMAX: Weights = Weights::Softmax { scale: 0.5 };

/// A whole sequence, one with padding at its end, one with padding inside, and one of padding.
fn keep() -> Tensor {
    let keep = [[1u8, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0], [0, 1, 1, 0, 1, 1, 0], [0; 7]];
    Tensor::new(&keep, &Device::Cpu).unwrap()
}

fn inputs(shape: &[usize]) -> Vec<Tensor> {
    (1..4).map(|seed| sample(shape, seed)).collect()
}

fn dropout() -> Option<Dropout> {
    Some(Dropout { p: 0.3, key: 7, offset: 31 })
}

/// Every rule with and without dropout.
fn rules() -> impl Iterator<Item = (Weights, Option<Dropout>)> {
    RULES.into_iter().flat_map(|weights| [(weights, None), (weights, dropout())])
}

fn fused(x: &[Tensor], keep: &Tensor, (weights, dropout): (Weights, Option<Dropout>)) -> Result<Tensor> {
    attention(&x[0], &x[1], &x[2], keep, HEADS, weights, dropout)
}

fn naive(x: &[Tensor], keep: &Tensor, (weights, dropout): (Weights, Option<Dropout>)) -> Result<Tensor> {
    let inputs = [&x[0], &x[1], &x[2]];
    composed::attention(inputs, (Problem::new(inputs, keep, HEADS, weights, dropout)?, keep.clone()))
}

fn ones(batch: usize, seq: usize) -> Tensor {
    Tensor::ones((batch, seq), DType::U8, &Device::Cpu).unwrap()
}

/// Inputs of which no score is so close to the kink of the ReLU that a finite difference crosses it.
fn away_from_the_kink() -> Vec<Tensor> {
    let x = inputs(&[4, 7, 6]);
    for seed in 1..1000 {
        let key = sample(&[4, 7, 6], seed);
        let heads =
            |x: &Tensor| x.reshape((4, 7, HEADS, 3)).unwrap().transpose(1, 2).unwrap().contiguous().unwrap();
        let scores = heads(&x[0]).matmul(&heads(&key).t().unwrap()).unwrap();
        if values(&scores).into_iter().all(|s| s.abs() > 1e-3) {
            return vec![x[0].clone(), key, x[2].clone()];
        }
    }
    panic!("no scores away from zero")
}

#[test]
fn attention_matches_composed() {
    for rule in rules() {
        assert_matches(|x| fused(x, &keep(), rule), |x| naive(x, &keep(), rule), &inputs(&[4, 7, 6]));
    }
}

#[test]
fn attention_matches_composed_in_odd_shapes() {
    for (batch, seq, dim) in [(1, 1, 1), (3, 1, 64), (2, 2, 5), (1, 17, 33), (2, 129, 8), (1, 300, 16)] {
        for rule in rules() {
            let keep = ones(batch, seq);
            let x = inputs(&[batch, seq, HEADS * dim]);
            for (dtype, tolerance) in [(DType::F32, 1e-5), (DType::F64, 1e-13)] {
                let x: Vec<Tensor> = x.iter().map(|x| x.to_dtype(dtype).unwrap()).collect();
                assert_close(
                    &no_grad(|| fused(&x, &keep, rule)).unwrap(),
                    &naive(&x, &keep, rule).unwrap(),
                    tolerance,
                );
                let actual = gradients(|x| fused(x, &keep, rule), &x).unwrap();
                let expected = gradients(|x| naive(x, &keep, rule), &x).unwrap();
                // a key without other keys has no influence on its softmax: its gradient is rounding only
                let size = expected.iter().map(magnitude).fold(1e-200, f64::max);
                for (actual, expected) in actual.iter().zip(&expected) {
                    let error = magnitude(&(actual - expected).unwrap());
                    assert!(error <= tolerance * size, "{batch} {seq} {dim} {rule:?}: {error:e}");
                }
            }
        }
    }
}

#[test]
fn attention_gradient_matches_finite_differences() {
    let x = away_from_the_kink();
    for rule in rules() {
        assert_gradients(|x| fused(x, &keep(), rule), &x);
    }
}

#[test]
fn relu_attention_has_degree_zero_in_query_and_key_and_one_in_value() {
    for dropout in [None, dropout()] {
        let apply = |x: &[Tensor]| fused(x, &keep(), (Weights::Relu, dropout));
        assert_homogeneous(apply, &inputs(&[4, 7, 6]), &[0, 1], 0);
        assert_homogeneous(apply, &inputs(&[4, 7, 6]), &[0], 0);
        assert_homogeneous(apply, &inputs(&[4, 7, 6]), &[2], 1);
    }
}

#[test]
fn softmax_attention_has_degree_one_in_value() {
    assert_homogeneous(|x| fused(x, &keep(), (SOFTMAX, dropout())), &inputs(&[4, 7, 6]), &[2], 1);
}

#[test]
fn softmax_of_unit_heads_has_degree_zero_in_query_and_key() {
    let apply = |x: &[Tensor]| {
        let [query, key] = [0, 1].map(|i| unit_heads(&x[i], HEADS));
        fused(&[query?, key?, x[2].clone()], &keep(), (Weights::Softmax { scale: 6. }, dropout()))
    };
    assert_homogeneous(apply, &inputs(&[4, 7, 6]), &[0], 0);
    assert_homogeneous(apply, &inputs(&[4, 7, 6]), &[1], 0);
    assert_homogeneous(apply, &inputs(&[4, 7, 6]), &[2], 1);
    assert_gradients(apply, &inputs(&[4, 7, 6]));
}

#[test]
fn a_factor_of_the_scores_is_one_of_the_query() {
    no_grad(|| {
        let x = inputs(&[4, 7, 6]);
        let scaled = [(&x[0] * 4.).unwrap(), x[1].clone(), x[2].clone()];
        let found = fused(&x, &keep(), (Weights::Softmax { scale: 2. }, dropout())).unwrap();
        assert_close(&found, &fused(&scaled, &keep(), (SOFTMAX, dropout())).unwrap(), 1e-14);
    });
}

#[test]
fn relu_attention_is_scale_invariant_over_24_decades() {
    no_grad(|| {
        let x: Vec<Tensor> = inputs(&[4, 7, 6]).iter().map(|x| x.to_dtype(DType::F32).unwrap()).collect();
        let expected = fused(&x, &keep(), (Weights::Relu, None)).unwrap();
        for scale in [1e-12, 1e-6, 1e6, 1e12] {
            let scaled = [(&x[0] * scale).unwrap(), (&x[1] * scale).unwrap(), x[2].clone()];
            assert_close(&fused(&scaled, &keep(), (Weights::Relu, None)).unwrap(), &expected, 2e-6);
        }
    });
}

#[test]
fn attention_is_the_same_on_any_number_of_threads() {
    for rule in rules() {
        let keep = keep().repeat((1, 20)).unwrap();
        let apply = |x: &[Tensor]| fused(x, &keep, rule);
        let x: Vec<Tensor> = inputs(&[4, 140, 12]).iter().map(|x| x.to_dtype(DType::F32).unwrap()).collect();
        let on = |threads: usize| {
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
                let mut all = gradients(apply, &x).unwrap();
                all.push(no_grad(|| apply(&x)).unwrap());
                all.iter().map(values).collect::<Vec<_>>()
            })
        };
        let one = on(1);
        assert!([2, 7].into_iter().all(|threads| on(threads) == one));
    }
}

#[test]
fn padding_has_no_influence_and_no_gradient() {
    no_grad(|| {
        let x = inputs(&[4, 7, 6]);
        let huge = |x: &Tensor| {
            let padding = keep()
                .to_dtype(DType::F64)
                .unwrap()
                .affine(-5000., 5000.)
                .unwrap()
                .reshape((4, 7, 1))
                .unwrap();
            x.broadcast_add(&padding).unwrap()
        };
        let other = [x[0].clone(), huge(&x[1]), huge(&x[2])];
        for rule in rules() {
            let apply = |x: &[Tensor]| fused(x, &keep(), rule);
            assert_close(&apply(&other).unwrap(), &apply(&x).unwrap(), 1e-12);
            let gradients = gradients(apply, &x).unwrap();
            for gradient in &gradients[1..] {
                let rows = values(&gradient.abs().unwrap().sum(2).unwrap());
                let padding = values(&keep()).into_iter().map(|keep| keep == 0.);
                assert!(rows.into_iter().zip(padding).all(|(row, padding)| (row == 0.) == padding));
            }
        }
    });
}

#[test]
fn a_sequence_of_padding_gives_zeros_and_zero_gradients() {
    no_grad(|| {
        for rule in rules() {
            let apply = |x: &[Tensor]| fused(x, &keep().narrow(0, 3, 1)?, rule);
            let x = inputs(&[1, 7, 6]);
            assert!(values(&apply(&x).unwrap()).iter().all(|&o| o == 0.));
            assert!(gradients(apply, &x).unwrap().iter().flat_map(values).all(|d| d == 0.));
        }
    });
}

#[test]
fn a_row_without_positive_scores_gives_zeros_and_zero_gradients() {
    no_grad(|| {
        let x = inputs(&[4, 7, 6]);
        let x = [x[0].abs().unwrap(), x[1].abs().unwrap().neg().unwrap(), x[2].clone()];
        let apply = |x: &[Tensor]| fused(x, &keep(), (Weights::Relu, dropout()));
        assert!(values(&apply(&x).unwrap()).iter().all(|&o| o == 0.));
        assert!(gradients(apply, &x).unwrap().iter().flat_map(values).all(|d| d == 0.));
    });
}

#[test]
fn one_token_attends_to_itself() {
    no_grad(|| {
        let x = inputs(&[2, 1, 6]);
        let positive = [x[0].abs().unwrap(), x[1].abs().unwrap(), x[2].clone()];
        for weights in RULES {
            assert_close(&fused(&positive, &ones(2, 1), (weights, None)).unwrap(), &x[2], 1e-15);
        }
    });
}

#[test]
fn huge_scores_choose_the_largest() {
    no_grad(|| {
        let row = |values: &[f32]| Tensor::new(values, &Device::Cpu).unwrap().reshape((1, 3, 1)).unwrap();
        let (query, key, value) = (row(&[1e4, -1e4, 0.]), row(&[1e4, 1., -1e4]), row(&[1., 2., 6.]));
        let softmax = attention(&query, &key, &value, &ones(1, 3), 1, Weights::softmax(1), None).unwrap();
        assert_close(&softmax, &row(&[1., 6., 3.]), 1e-6);
        let huge =
            attention(&(&query * 1e12).unwrap(), &key, &value, &ones(1, 3), 1, Weights::Relu, None).unwrap();
        assert_close(&huge, &row(&[1.0001, 6., 0.]), 1e-6);
    });
}

#[test]
fn a_nan_reaches_the_rows_that_see_it() {
    for rule in rules() {
        let mut x = inputs(&[4, 7, 6]);
        let nan = Tensor::full(f64::NAN, (4, 1, 6), &Device::Cpu).unwrap();
        x[1] = x[1].slice_assign(&[0..4, 2..3, 0..6], &nan).unwrap(); // a key of the first three sequences
        let apply = || fused(&x, &keep(), rule).unwrap();
        for rows in [no_grad(apply), apply()] {
            let nan = |batch: usize| values(&rows.get(batch).unwrap()).into_iter().all(f64::is_nan);
            assert_eq!([0, 1, 2, 3].map(nan), [true, true, true, false], "{rule:?}");
        }
    }
}

#[test]
fn the_mask_is_that_of_dropout() {
    no_grad(|| {
        // equal scores and a value of one at a single key: what is left of the result is the mask of that key
        const SEQ: usize = 5;
        let scores = Tensor::ones((2, SEQ, 2), DType::F64, &Device::Cpu).unwrap();
        let mask = dropout_mask(7, 0.3, 31, 2 * HEADS * SEQ * SEQ);
        for key in 0..SEQ {
            let value: Vec<f64> = (0..2 * SEQ * HEADS).map(|i| f64::from(i / HEADS % SEQ == key)).collect();
            let value = Tensor::from_vec(value, (2, SEQ, HEADS), &Device::Cpu).unwrap();
            let o =
                fused(&[scores.clone(), scores.clone(), value], &ones(2, SEQ), (Weights::Relu, dropout()))
                    .unwrap();
            for (i, o) in values(&o).into_iter().enumerate() {
                let (sequence, query, head) = (i / HEADS / SEQ, i / HEADS % SEQ, i % HEADS);
                assert_eq!(o != 0., mask[((sequence * HEADS + head) * SEQ + query) * SEQ + key]);
            }
        }
    });
}

#[test]
fn keep_may_be_of_any_dtype() {
    no_grad(|| {
        let expected = values(&fused(&inputs(&[4, 7, 6]), &keep(), (Weights::Relu, None)).unwrap());
        for dtype in [DType::F32, DType::F64, DType::U32] {
            let keep = keep().to_dtype(dtype).unwrap();
            assert_eq!(values(&fused(&inputs(&[4, 7, 6]), &keep, (Weights::Relu, None)).unwrap()), expected);
        }
    });
}

#[test]
fn attention_refuses_what_does_not_fit() {
    let x = inputs(&[4, 7, 6]);
    let message = |keep: &Tensor, heads: usize, p: f32| {
        let dropout = Some(Dropout { p, ..Dropout::default() });
        attention(&x[0], &x[1], &x[2], keep, heads, Weights::Relu, dropout).unwrap_err().to_string()
    };
    let error = message(&ones(4, 6), 2, 0.);
    assert!(error.contains("keep of shape [4, 6] does not fit query of shape [4, 7, 6]"), "{error}");
    let error = message(&keep(), 4, 0.);
    assert!(error.contains("6 columns are not a multiple of 4 heads"), "{error}");
    let error = message(&keep(), 2, 1.);
    assert!(error.contains("dropout probability 1 is not in [0, 1)"), "{error}");
    for (scale, shown) in [(0., "0"), (-2., "-2"), (f64::NAN, "NaN"), (f64::INFINITY, "inf")] {
        let error = fused(&x, &keep(), (Weights::Softmax { scale }, None)).unwrap_err().to_string();
        assert!(
            error.contains(&format!("the factor {shown} of the scores is not a positive number")),
            "{error}"
        );
    }
}
