#![allow(clippy::unwrap_used)]

use cukernel_emulator::emulate;

use super::*;
use crate::ops::attention::cpu;
use crate::ops::buffer::Values;
use crate::ops::test_support::*;
use crate::precision::Precision;

/// Sums in another order, and another exponential.
const F32: [f64; 2] = [2e-6, 5e-6];

/// Weights and results rounded to eight bits.
const BF16: [f64; 2] = [1e-2, 1e-2];

const RULES: [Weights; 2] = [Weights::Relu, Weights::Softmax];

fn dropout() -> Option<Dropout> {
    Some(Dropout { p: 0.3, key: 7, offset: 31 })
}

fn problem([batch, seq, heads, dim]: [usize; 4], weights: Weights, dropout: Option<Dropout>) -> Problem {
    Problem { batch, seq, heads, dim, weights, dropout, precision: Precision::F32 }
}

/// Query, key, value and a gradient of the result.
fn inputs(problem: &Problem, dtype: DType) -> [Tensor; 4] {
    let Problem { batch, seq, heads, dim, .. } = *problem;
    [1, 2, 3, 4].map(|seed| sample(&[batch, seq, heads * dim], seed).to_dtype(dtype).unwrap())
}

/// By turns a whole sequence, one with padding at its end, one with padding everywhere, and one of padding.
fn keep(problem: &Problem) -> Tensor {
    let Problem { batch, seq, .. } = *problem;
    let keeps = |sequence: usize, key: usize| match sequence % 4 {
        0 => true,
        1 => key < seq.div_ceil(3),
        2 => key % 5 != 1 && !(seq / 2..seq / 2 + seq / 4).contains(&key),
        _ => false,
    };
    let keep: Vec<f32> = (0..batch * seq).map(|i| f32::from(keeps(i / seq, i % seq))).collect();
    Tensor::from_vec(keep, (batch, seq), &Device::Cpu).unwrap()
}

/// The result, and the three gradients.
fn kernels(problem: &Problem, [q, k, v, d]: &[Tensor; 4], keep: &Tensor) -> [Tensor; 4] {
    emulate(|| {
        let (o, statistics) = forward(problem, [q, k, v], keep).unwrap();
        let [dq, dk, dv] = backward(problem, [q, k, v], keep, &o, &statistics, d).unwrap();
        [o, dq, dk, dv]
    })
}

/// The same by the kernels of the CPU, in f32.
fn oracle(problem: &Problem, inputs: &[Tensor; 4], keep: &Tensor) -> [Tensor; 4] {
    let [q, k, v, d] = inputs.each_ref().map(|x| x.to_dtype(DType::F32).unwrap());
    let [qs, ks, vs, ds, keep] = [&q, &k, &v, &d, keep].map(Values::of);
    let (qkv, keep) =
        ([qs.slice::<f32>().unwrap(), ks.slice().unwrap(), vs.slice().unwrap()], keep.slice().unwrap());
    let o = cpu::forward(problem, qkv, keep);
    let [dq, dk, dv] = cpu::backward(problem, qkv, keep, &o, ds.slice().unwrap());
    [o, dq, dk, dv].map(|x| Tensor::from_vec(x, q.shape(), &Device::Cpu).unwrap())
}

/// The result of the oracle and its gradients, those by the largest of all: the gradient of a key that has no other
/// beside it is nothing but rounding with softmax.
#[track_caller]
fn assert_matches(problem: &Problem, inputs: &[Tensor; 4]) {
    let tolerance = if inputs[0].dtype() == DType::F32 { F32 } else { BF16 };
    let keep = keep(problem);
    let (actual, expected) = (kernels(problem, inputs, &keep), oracle(problem, inputs, &keep));
    let largest = expected[1..].iter().map(magnitude).fold(0., f64::max);
    for (i, (actual, expected)) in actual.iter().zip(&expected).enumerate() {
        assert_eq!(actual.dtype(), inputs[0].dtype());
        let bound = if i == 0 { tolerance[0] * magnitude(expected) } else { tolerance[1] * largest };
        let error = values(actual).into_iter().zip(values(expected)).map(|(a, e)| (a - e).abs());
        let error = error.fold(0., |worst: f64, error| if error <= worst { worst } else { error });
        let Problem { batch, seq, heads, dim, weights, dropout, .. } = problem;
        assert!(
            error <= bound,
            "[{batch}, {seq}, {heads}, {dim}] {weights:?} {dropout:?}: {i} off by {error:e}, more than {bound:e}"
        );
    }
}

fn assert_all_match(shapes: &[[usize; 4]], dtype: DType) {
    for &shape in shapes {
        for weights in RULES {
            for dropout in [None, dropout()] {
                let problem = problem(shape, weights, dropout);
                assert_matches(&problem, &inputs(&problem, dtype));
            }
        }
    }
}

#[test]
fn f32_kernels_match_the_cpu() {
    assert_all_match(
        &[
            [4, 7, 2, 8],
            [4, 65, 1, 16],
            [1, 130, 2, 32],
            [4, 37, 3, 64],
            [1, 1, 2, 5],
            [3, 64, 1, 128],
            [3, 20, 2, 33],
            [1, 70, 1, 200],
        ],
        DType::F32,
    );
}

#[test]
fn bf16_of_odd_heads_matches_the_cpu() {
    assert_all_match(&[[4, 37, 2, 12], [3, 20, 1, 200]], DType::BF16);
}

#[test]
fn bf16_kernels_match_the_cpu() {
    assert_all_match(
        &[
            [4, 7, 2, 32],
            [4, 65, 1, 64],
            [1, 130, 2, 64],
            [4, 37, 3, 64],
            [1, 1, 2, 32],
            [3, 64, 1, 128],
            [3, 70, 1, 128],
            [3, 37, 2, 8],
            [3, 20, 1, 48],
        ],
        DType::BF16,
    );
}
