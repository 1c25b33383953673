#![allow(clippy::unwrap_used)]

use candle_core::{DType, Device};
use cukernel_emulator::emulate;

use super::*;
use crate::ops::test_support::*;
use crate::tape::no_grad;

fn apply(inputs: &[Tensor]) -> Result<Tensor> {
    unit_heads(&inputs[0], 3)
}

/// Numbers of f32 in heads of the given size.
fn f32s(dim: usize) -> Tensor {
    sample(&[5, 3 * dim], 1).to_dtype(DType::F32).unwrap()
}

fn apply_turned(inputs: &[Tensor]) -> Result<Tensor> {
    unit_heads_rotary(&inputs[0], 3, 100.)
}

#[test]
fn unit_heads_matches_composed() {
    for dim in [2, 4, 16, 37, 64, 200] {
        let x = sample(&[2, 3, 3 * dim], 1);
        let heads = || Heads { dim, count: 3, angles: None };
        assert_matches(apply, |inputs| composed::unit_heads([&inputs[0]], heads()), &[x]);
    }
}

/// Heads whose halves vectors of four divide and do not, and sequences that begin and end inside a block.
#[test]
fn turned_heads_match_composed() {
    for (dim, seq) in [(2, 3), (4, 70), (6, 5), (16, 90), (64, 7), (200, 3)] {
        let x = sample(&[2, seq, 3 * dim], 1);
        let heads = || Heads { dim, count: 3, angles: Some(Angles::new(seq, dim / 2, 100.)) };
        let naive = |inputs: &[Tensor]| composed::unit_heads([&inputs[0]], heads());
        assert_matches(apply_turned, naive, &[x]);
    }
}

#[test]
fn turned_heads_are_unit_heads_that_are_turned() {
    no_grad(|| {
        let x = sample(&[2, 40, 48], 1);
        let expected = crate::ops::rotary(&unit_heads(&x, 3).unwrap(), 3, 100.).unwrap();
        assert_close(&apply_turned(&[x]).unwrap(), &expected, 1e-15);
    });
}

#[test]
fn turned_heads_by_kernels_take_bf16() {
    for hidden in [48, 18] {
        assert_kernels_take_bf16(apply_turned, &[sample(&[2, 7, hidden], 1)], &[0]);
    }
}

#[test]
fn unit_heads_gradient_matches_finite_differences() {
    assert_gradients(apply, &[sample(&[3, 12], 1)]);
    assert_gradients(apply_turned, &[sample(&[2, 3, 12], 1)]);
}

#[test]
fn unit_heads_has_degree_zero() {
    assert_homogeneous(apply, &[sample(&[5, 48], 1)], &[0], 0);
    assert_homogeneous(apply_turned, &[sample(&[2, 5, 48], 1)], &[0], 0);
}

#[test]
fn unit_heads_is_scale_invariant_over_24_decades_by_kernels_over_60() {
    no_grad(|| {
        let x = f32s(16);
        let expected = unit_heads(&x, 3).unwrap();
        for scale in [1e-12, 1e-6, 1e6, 1e12] {
            assert_close(&unit_heads(&(&x * scale).unwrap(), 3).unwrap(), &expected, 2e-6);
        }
        for scale in [1e-30, 1e-12, 1e12, 1e30] {
            let scaled = (&x * scale).unwrap();
            assert_close(&emulate(|| no_grad(|| unit_heads(&scaled, 3))).unwrap(), &expected, 2e-6);
        }
    });
}

#[test]
fn every_head_has_unit_length() {
    no_grad(|| {
        let y = unit_heads(&sample(&[5, 48], 1), 3).unwrap().reshape((15, 16)).unwrap();
        for norm in values(&y.sqr().unwrap().sum(1).unwrap()) {
            assert!((norm - 1.).abs() < 1e-14, "{norm}");
        }
    });
}

#[test]
fn a_head_of_zeros_stays_zero_and_has_a_zero_gradient() {
    let x = f32s(16);
    let x = x
        .slice_assign(
            &[1..3, 16..32],
            &x.narrow(0, 0, 2).unwrap().narrow(1, 0, 16).unwrap().zeros_like().unwrap(),
        )
        .unwrap();
    let heads = |x: &Tensor| values(&x.reshape((5, 3, 16)).unwrap().abs().unwrap().sum(2).unwrap());
    let zero = |x: &Tensor| heads(x).into_iter().map(|sum| sum == 0.).collect::<Vec<_>>();
    let expected: Vec<bool> = (0..15).map(|head| [4, 7].contains(&head)).collect();
    let all = || {
        let composed: fn(&Tensor, usize) -> Result<Tensor> =
            |x, count| composed::unit_heads([x], Heads { dim: 16, count, angles: None });
        for oracle in [unit_heads, composed] {
            assert_eq!(zero(&no_grad(|| oracle(&x, 3)).unwrap()), expected);
            let apply = |inputs: &[Tensor]| oracle(&inputs[0], 3);
            let gradients = gradients(apply, std::slice::from_ref(&x)).unwrap();
            assert_eq!(zero(&gradients[0]), expected);
        }
    };
    all();
    emulate(all);
}

#[test]
fn a_nan_stays_in_its_head() {
    let x = f32s(16);
    let nan = Tensor::full(f32::NAN, (1, 1), &Device::Cpu).unwrap();
    let x = x.slice_assign(&[1..2, 20..21], &nan).unwrap();
    let check = || {
        let y = values(&no_grad(|| unit_heads(&x, 3)).unwrap());
        assert!(y.iter().enumerate().all(|(i, y)| y.is_nan() == (i / 16 == 4)));
    };
    check();
    emulate(check);
}

#[test]
fn unit_heads_is_the_same_on_any_number_of_threads() {
    assert_same_on_any_number_of_threads(apply, &[sample(&[300, 129], 1)]);
    assert_same_on_any_number_of_threads(apply_turned, &[sample(&[3, 130, 96], 1)]);
}

#[test]
fn unit_heads_refuses_integers_and_heads_that_do_not_fit() {
    let x = Tensor::zeros((2, 6), DType::U32, &Device::Cpu).unwrap();
    let error = unit_heads(&x, 3).unwrap_err().to_string();
    assert!(error.contains("unit_heads: dtype u32 is not f32 or f64"), "{error}");
    let error = unit_heads(&x, 4).unwrap_err().to_string();
    assert!(error.contains("unit_heads: 6 columns are not a multiple of 4 heads"), "{error}");
    let error = unit_heads_rotary(&sample(&[1, 2, 9], 1), 3, 100.).unwrap_err().to_string();
    assert!(error.contains("a head of 3 columns has no two halves"), "{error}");
}
