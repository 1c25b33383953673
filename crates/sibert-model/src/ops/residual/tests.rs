#![allow(clippy::unwrap_used)]

use candle_core::Device;

use super::*;
use crate::ops::dropout;
use crate::ops::test_support::*;
use crate::tape::no_grad;

const P: f32 = 0.3;

fn apply(inputs: &[Tensor]) -> Result<Tensor> {
    residual(&inputs[0], &inputs[1], P, 7, 0)
}

fn inputs(shape: &[usize]) -> [Tensor; 2] {
    [sample(shape, 1), sample(shape, 2)]
}

#[test]
fn residual_matches_composed() {
    for p in [0., P] {
        for offset in [0, 3 * 37] {
            let fused = |inputs: &[Tensor]| residual(&inputs[0], &inputs[1], p, 7, offset);
            let composed = |inputs: &[Tensor]| {
                let branch = Branch { draws: Draws { p, key: 7, offset }, rows: None };
                composed::residual([&inputs[0], &inputs[1]], branch)
            };
            assert_matches(fused, composed, &inputs(&[3, 37]));
            assert_matches(fused, composed, &inputs(&[301, 37]));
        }
    }
}

#[test]
fn residual_gradient_matches_finite_differences() {
    assert_gradients(apply, &inputs(&[3, 7]));
}

#[test]
fn residual_has_degree_one() {
    assert_homogeneous(apply, &inputs(&[3, 37]), &[0, 1], 1);
}

#[test]
fn residual_is_the_same_on_any_number_of_threads() {
    assert_same_on_any_number_of_threads(apply, &inputs(&[301, 137]));
}

#[test]
fn rows_are_dropped_as_their_whole() {
    let ids = Tensor::new(&[1u32, 4, 4, 6], &Device::Cpu).unwrap();
    for width in [6, 7] {
        let [x, y] = inputs(&[8, width]);
        let whole = no_grad(|| residual(&x, &y, P, 7, 5)).unwrap().index_select(&ids, 0).unwrap();
        let [x, y] = [x, y].map(|x| x.index_select(&ids, 0).unwrap());
        let rows = |inputs: &[Tensor]| residual_rows(&inputs[0], &inputs[1], P, 7, 5, &ids);
        assert_eq!(values(&no_grad(|| rows(&[x.clone(), y.clone()])).unwrap()), values(&whole));
        let draws = Draws { p: P, key: 7, offset: 5 };
        let branch = || Branch { draws, rows: Some(ids.to_vec1().unwrap()) };
        assert_matches(rows, |inputs| composed::residual([&inputs[0], &inputs[1]], branch()), &[x, y]);
    }
}

#[test]
fn residual_adds_what_dropout_leaves() {
    let [x, y] = inputs(&[301, 37]);
    let expected = (&x + no_grad(|| dropout(&y, P, 7, 5)).unwrap()).unwrap();
    assert_eq!(values(&no_grad(|| residual(&x, &y, P, 7, 5)).unwrap()), values(&expected));
}

#[test]
fn residual_refuses_what_does_not_fit() {
    let [x, y] = inputs(&[3, 7]);
    let error = residual(&x, &y.t().unwrap(), P, 7, 0).unwrap_err().to_string();
    assert!(error.contains("residual: shapes [3, 7] and [7, 3] differ"), "{error}");
    let error = residual(&x, &y, 1., 7, 0).unwrap_err().to_string();
    assert!(error.contains("residual: probability 1 is not in [0, 1)"), "{error}");
}
