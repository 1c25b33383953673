#![allow(clippy::unwrap_used)]

use cukernel_emulator::emulate;
use sibert_products::Precision;

use super::*;
use crate::compute::buffer::Values;
use crate::ops::attention::cpu;
use crate::ops::dropout_mask;
use crate::ops::test_support::*;

/// Sums in another order, and another exponential.
const F32: [f64; 2] = [2e-6, 5e-6];

/// Weights and results rounded to eight bits.
const BF16: [f64; 2] = [1e-2, 1e-2];

/// Softmax with a factor that is no head's `1 / √dim`.
const RULES: [Weights; 2] = [Weights::Relu, Weights::Softmax { scale: 0.7 }];

/// Odd, and past 32 bits.
const OFFSET: usize = (1 << 33) + 31;

fn dropout() -> Option<Dropout> {
    Some(Dropout { p: 0.3, key: 7, offset: OFFSET })
}

/// Every rule with and without dropout.
fn rules() -> impl Iterator<Item = (Weights, Option<Dropout>)> {
    RULES.into_iter().flat_map(|weights| [(weights, None), (weights, dropout())])
}

fn problem([batch, seq, heads, dim]: [usize; 4], (weights, dropout): (Weights, Option<Dropout>)) -> Problem {
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
        for rule in rules() {
            let problem = problem(shape, rule);
            assert_matches(&problem, &inputs(&problem, dtype));
        }
    }
}

/// Every family once, with more than one tile and a part of one.
fn families() -> [(DType, usize); 4] {
    [(DType::F32, 16), (DType::BF16, 32), (DType::BF16, 64), (DType::BF16, 128)]
}

fn all_zero(x: &Tensor) -> bool {
    values(x).iter().all(|&x| x == 0.)
}

/// Adds NaN to the rows of padding.
fn poisoned(x: &Tensor, keep: &Tensor) -> Tensor {
    let nan = keep.affine(0., f64::NAN).unwrap();
    let poison = keep.ne(0f32).unwrap().where_cond(&keep.zeros_like().unwrap(), &nan).unwrap();
    let poison = poison.unsqueeze(2).unwrap().to_dtype(x.dtype()).unwrap();
    x.broadcast_add(&poison).unwrap()
}

#[test]
fn views_that_begin_anywhere_are_read() {
    for (dtype, dim) in families() {
        let problem = problem([1, 70, 2, dim], (Weights::Relu, None));
        let inputs = inputs(&problem, dtype);
        for which in 0..inputs.len() {
            assert_matches(&problem, &shifted(&inputs, which).try_into().unwrap());
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
fn bf16_kernels_match_the_cpu() {
    assert_all_match(
        &[
            [4, 7, 2, 32],
            [2, 65, 1, 64],
            [1, 130, 1, 64],
            [3, 37, 2, 64],
            [1, 1, 2, 32],
            [1, 64, 1, 128],
            [1, 70, 1, 128],
            [1, 37, 2, 8],
            [3, 20, 1, 48],
            [1, 257, 1, 32],
        ],
        DType::BF16,
    );
}

#[test]
fn bf16_of_odd_heads_matches_the_cpu() {
    assert_all_match(&[[4, 37, 2, 12], [3, 20, 1, 200]], DType::BF16);
}

#[test]
fn two_runs_give_the_same_bits() {
    for (dtype, dim) in families() {
        for weights in RULES {
            let problem = problem([1, 70, 1, dim], (weights, dropout()));
            let (inputs, keep) = (inputs(&problem, dtype), keep(&problem));
            let run = || kernels(&problem, &inputs, &keep).each_ref().map(values);
            let first = run();
            // each run has four launches: after one more the threads of the second are in the opposite order
            let [q, k, v, _] = &inputs;
            emulate(|| forward(&problem, [q, k, v], &keep)).unwrap();
            assert_eq!(run(), first, "{problem:?}");
        }
    }
}

#[test]
fn the_mask_is_that_of_dropout() {
    // of equal scores, and values that tell the keys apart, the result shows the mask; so does the gradient of the values
    let keys = 32;
    for (dtype, dim) in families() {
        for seq in [31, 32] {
            for weights in RULES {
                let problem = problem([1, seq, 2, dim.max(keys)], (weights, dropout()));
                let ones = Tensor::ones((1, seq, 2 * problem.dim), dtype, &Device::Cpu).unwrap();
                let identity = (0..seq * 2 * problem.dim)
                    .map(|i| f32::from(i / (2 * problem.dim) == i % problem.dim))
                    .collect();
                let identity =
                    Tensor::from_vec(identity, ones.shape(), &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
                let keep = Tensor::ones((1, seq), DType::F32, &Device::Cpu).unwrap();
                let [o, _, _, dv] =
                    kernels(&problem, &[ones.clone(), ones, identity.clone(), identity], &keep);
                let [o, dv] = [o, dv].map(|x| values(&x));
                let mask = dropout_mask(7, 0.3, OFFSET, 2 * seq * seq);
                for (i, &kept) in mask.iter().enumerate() {
                    let (head, query, key) = (i / seq / seq, i / seq % seq, i % seq);
                    let at = |row: usize, column: usize| (row * 2 + head) * problem.dim + column;
                    assert_eq!(
                        [o[at(query, key)] != 0., dv[at(key, query)] != 0.],
                        [kept; 2],
                        "{problem:?}: {i}"
                    );
                }
            }
        }
    }
}

#[test]
fn relu_kernels_have_degree_zero_in_query_and_key() {
    for (dtype, dim) in families() {
        let problem = problem([1, 70, 1, dim], (Weights::Relu, dropout()));
        let ([q, k, v, d], keep) = (inputs(&problem, dtype), keep(&problem));
        let expected = values(&kernels(&problem, &[q.clone(), k.clone(), v.clone(), d.clone()], &keep)[0]);
        for exponent in [-40, 20, 40] {
            // a power of two changes no rounding
            let scale = 2f64.powi(exponent);
            let scaled = [(&q * scale).unwrap(), (&k * scale).unwrap(), v.clone(), d.clone()];
            assert_eq!(values(&kernels(&problem, &scaled, &keep)[0]), expected, "{dtype:?} {dim} {exponent}");
        }
    }
}

#[test]
fn padding_has_no_influence_and_no_gradient() {
    for (dtype, dim) in families() {
        for weights in RULES {
            let problem = problem([4, 66, 1, dim], (weights, dropout()));
            let (inputs, keep) = (inputs(&problem, dtype), keep(&problem));
            let [q, k, v, d] = &inputs;
            let clean = kernels(&problem, &inputs, &keep);
            let other = [q.clone(), poisoned(k, &keep), poisoned(v, &keep), d.clone()];
            let poisoned = kernels(&problem, &other, &keep);
            assert_eq!(poisoned.each_ref().map(values), clean.each_ref().map(values), "{problem:?}");
            for gradient in &clean[2..] {
                let rows = values(&gradient.to_dtype(DType::F32).unwrap().abs().unwrap().sum(2).unwrap());
                let zero = rows.iter().map(|&row| row == 0.);
                assert!(zero.eq(values(&keep).iter().map(|&keep| keep == 0.)), "{problem:?}");
            }
            assert!(clean.iter().all(|x| all_zero(&x.get(3).unwrap())), "{problem:?}");
        }
    }
}

#[test]
fn rows_without_positive_scores_give_zeros_and_zero_gradients() {
    for (dtype, dim) in families() {
        let problem = problem([1, 70, 1, dim], (Weights::Relu, dropout()));
        let ([q, k, v, d], keep) = (inputs(&problem, dtype), keep(&problem));
        let opposite = [q.abs().unwrap(), k.abs().unwrap().neg().unwrap(), v, d];
        assert!(kernels(&problem, &opposite, &keep).iter().all(all_zero), "{problem:?}");
    }
}

#[test]
fn a_nan_reaches_the_rows_that_see_it() {
    for (dtype, dim) in families() {
        for rule in rules() {
            let problem = problem([1, 70, 1, dim], rule);
            let ([q, k, v, d], keep) = (inputs(&problem, dtype), keep(&problem));
            let nan = Tensor::full(f32::NAN, (1, 1, dim), &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
            let k = k.slice_assign(&[0..1, 66..67, 0..dim], &nan).unwrap();
            let [o, ..] = kernels(&problem, &[q, k, v, d], &keep);
            assert!(values(&o).iter().all(|o| o.is_nan()), "{problem:?}");
        }
    }
}

#[test]
fn no_sequences_give_no_rows() {
    for (dtype, dim) in families() {
        let problem = problem([0, 70, 1, dim], (Weights::Relu, None));
        let all = kernels(&problem, &inputs(&problem, dtype), &keep(&problem));
        assert!(all.iter().all(|x| x.dims() == [0, 70, dim]));
    }
}

#[test]
fn kernels_refuse_what_does_not_fit() {
    let message = |problem: &Problem, keep: &Tensor| {
        let [q, k, v, _] = inputs(problem, DType::F32);
        emulate(|| forward(problem, [&q, &k, &v], keep)).unwrap_err().to_string()
    };
    let long = problem([1, 3, 1, 300], (Weights::Relu, None));
    let error = message(&long, &keep(&long));
    assert!(error.contains("head dimension 300 has no kernel, expected at most 256"), "{error}");
    let error = message(&long, &keep(&long).to_dtype(DType::U8).unwrap());
    assert!(error.contains("expected keep of type f32 and shape [1, 3], found"), "{error}");
}
