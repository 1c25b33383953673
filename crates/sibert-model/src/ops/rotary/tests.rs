#![allow(clippy::unwrap_used)]

use candle_core::{D, DType, Device};

use super::*;
use crate::ops::test_support::*;
use crate::tape::no_grad;

const BASE: f64 = 1e4;
const HEADS: usize = 3;

/// Shapes of heads that vectors of four divide, and of heads that they do not.
const SHAPES: [[usize; 3]; 3] = [[2, 7, HEADS * 16], [2, 5, HEADS * 6], [1, 3, HEADS * 2]];

fn apply(inputs: &[Tensor]) -> Result<Tensor> {
    rotary(&inputs[0], HEADS, BASE)
}

#[test]
fn rotary_matches_composed() {
    for [batch, seq, hidden] in SHAPES {
        let angles = || Angles::new(seq, hidden / HEADS / 2, BASE);
        let naive = |inputs: &[Tensor]| composed::rotary([&inputs[0]], angles());
        assert_matches(apply, naive, &[sample(&[batch, seq, hidden], 1)]);
    }
}

#[test]
fn rotary_by_kernels_takes_bf16() {
    for shape in SHAPES {
        assert_kernels_take_bf16(apply, &[sample(&shape, 1)], &[0]);
    }
}

#[test]
fn rotary_gradient_matches_finite_differences() {
    assert_gradients(apply, &[sample(&[2, 3, HEADS * 4], 1)]);
}

#[test]
fn rotary_has_degree_one() {
    assert_homogeneous(apply, &[sample(&[2, 7, HEADS * 8], 1)], &[0], 1);
}

#[test]
fn rotary_is_the_same_on_any_number_of_threads() {
    assert_same_on_any_number_of_threads(apply, &[sample(&[3, 130, HEADS * 32], 1)]);
}

/// The number `a + i b` times powers of the unit number `cos 1/r + i sin 1/r`, a multiplication a position.
#[test]
fn rotary_is_the_multiplication_of_complex_numbers() {
    no_grad(|| {
        let (dim, seq) = (8, 20);
        let x = sample(&[1, seq, dim], 1);
        let rows = x.squeeze(0).unwrap().to_vec2::<f64>().unwrap();
        let mut expected = rows.clone();
        for i in 0..dim / 2 {
            let rate = 1. / BASE.powf(2. * i as f64 / dim as f64);
            let (mut re, mut im) = (1., 0.);
            for (row, out) in rows.iter().zip(&mut expected) {
                let (a, b) = (row[i], row[i + dim / 2]);
                (out[i], out[i + dim / 2]) = (a * re - b * im, a * im + b * re);
                (re, im) = (re * rate.cos() - im * rate.sin(), re * rate.sin() + im * rate.cos());
            }
        }
        let expected = Tensor::new(expected, &Device::Cpu).unwrap().unsqueeze(0).unwrap();
        assert_close(&rotary(&x, 1, BASE).unwrap(), &expected, 1e-14);
    });
}

#[test]
fn rotary_keeps_the_length_of_every_head() {
    no_grad(|| {
        let x = sample(&[2, 50, HEADS * 10], 1);
        let lengths = |x: &Tensor| {
            let squares = x.reshape((2, 50, HEADS, 10)).unwrap().sqr().unwrap();
            squares.sum(D::Minus1).unwrap().sqrt().unwrap()
        };
        assert_close(&lengths(&apply(std::slice::from_ref(&x)).unwrap()), &lengths(&x), 1e-15);
    });
}

#[test]
fn scores_depend_on_the_difference_of_positions_only() {
    no_grad(|| {
        const SEQ: usize = 40;
        let repeated = |seed| sample(&[1, 1, 12], seed).broadcast_as((1, SEQ, 12)).unwrap();
        let turned = |seed| rotary(&repeated(seed), 1, 100.).unwrap().squeeze(0).unwrap(); // (seq, dim)
        let scores = turned(1).matmul(&turned(2).t().unwrap()).unwrap().to_vec2::<f64>().unwrap();
        for distance in 0..SEQ {
            for p in 0..SEQ - distance {
                assert!((scores[p][p + distance] - scores[0][distance]).abs() < 1e-13);
                assert!((scores[p + distance][p] - scores[distance][0]).abs() < 1e-13);
            }
        }
        assert!((scores[0][1] - scores[0][0]).abs() > 1e-3, "the test cannot tell");
    });
}

#[test]
fn position_zero_is_left_as_it_is() {
    no_grad(|| {
        let x = sample(&[2, 5, HEADS * 8], 1);
        let first = |x: &Tensor| values(&x.narrow(1, 0, 1).unwrap());
        assert_eq!(first(&apply(std::slice::from_ref(&x)).unwrap()), first(&x));
    });
}

#[test]
fn rotary_refuses_what_has_no_pairs() {
    let refusal = |shape: [usize; 3], heads: usize, base: f64| {
        rotary(&sample(&shape, 1), heads, base).unwrap_err().to_string()
    };
    let error = refusal([1, 2, 6], 2, BASE);
    assert!(error.contains("rotary: a head of 3 columns has no two halves"), "{error}");
    let error = refusal([1, 2, 6], 4, BASE);
    assert!(error.contains("rotary: 6 columns are not a multiple of 4 heads"), "{error}");
    for base in [0., -1., f64::NAN, f64::INFINITY] {
        assert!(refusal([1, 2, 6], 3, base).contains("is not a positive number"));
    }
    let error = rotary(&Tensor::zeros((1, 2, 4), DType::U32, &Device::Cpu).unwrap(), 1, BASE).unwrap_err();
    assert!(error.to_string().contains("rotary: dtype u32 is not f32 or f64"), "{error}");
}
