//! Attention with every kind of weights, with dropout and padding, of short and long sequences.

use candle_core::{Device, Result, Tensor};
use sibert_model::ops::{self, Dropout, Weights};

use super::cases::{Case, Role};
use super::sample::sample;

/// Batch, sequence, heads and columns of a head.
type Size = [usize; 4];

fn sizes(quick: bool) -> Vec<Size> {
    match quick {
        true => vec![[2, 1, 1, 8], [2, 37, 2, 16]],
        false => vec![
            [2, 1, 2, 64],
            [2, 37, 4, 8],
            [2, 37, 2, 32],
            [3, 37, 2, 64],
            [2, 130, 12, 64],
            [2, 512, 2, 64],
            [1, 512, 12, 64],
        ],
    }
}

/// The feature that a case checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    Dropout,
    /// No score is positive: rectified weights are all zero, and so are result and gradients.
    NoPositiveScore,
    /// The last sequence has no token at all.
    Empty,
}

/// How scores become weights.
#[derive(Clone, Copy)]
enum Rule {
    Relu,
    Softmax,
    /// Softmax of the cosines of queries and keys, by SIBERT's factor.
    Normalized,
}

impl Rule {
    fn apply(self, x: &[Tensor], heads: usize, dropout: Option<Dropout>) -> Result<Tensor> {
        let dim = x[0].dim(2)? / heads;
        let attention = |query: &Tensor, key: &Tensor, weights| {
            ops::attention(query, key, &x[2], &x[3], heads, weights, dropout)
        };
        match self {
            Self::Relu => attention(&x[0], &x[1], Weights::Relu),
            Self::Softmax => attention(&x[0], &x[1], Weights::softmax(dim)),
            Self::Normalized => {
                let (query, key) = (ops::unit_heads(&x[0], heads)?, ops::unit_heads(&x[1], heads)?);
                attention(&query, &key, Weights::Softmax { scale: 1.5 * (dim as f64).sqrt() })
            }
        }
    }
}

/// All cases, those of one kind of weights together.
pub fn cases(quick: bool) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (op, rule) in [
        ("attention, relu", Rule::Relu),
        ("attention, softmax", Rule::Softmax),
        ("attention, normalized", Rule::Normalized),
    ] {
        for size in sizes(quick) {
            for kind in [Kind::Plain, Kind::Dropout] {
                cases.push(case(op, rule, size, kind)?);
            }
        }
        for kind in [Kind::NoPositiveScore, Kind::Empty] {
            cases.push(case(op, rule, [2, 9, 2, 16], kind)?);
        }
    }
    Ok(cases)
}

fn case(op: &'static str, rule: Rule, size: Size, kind: Kind) -> Result<Case> {
    let [batch, seq, heads, dim] = size;
    let [mut query, mut key, mut value] = inputs(size)?;
    if kind == Kind::NoPositiveScore {
        (query, key) = (query.abs()?, key.abs()?.neg()?);
    } else if seq == 1 {
        // the gradients of query and key are zero: small values and a score that is not keep their rounding small
        (query, key, value) = ((query.abs()? + 1.)?, (key.abs()? + 1.)?, (value / 8.)?);
    }
    let first_padding = if kind == Kind::Empty { 0 } else { seq.div_ceil(2) };
    let keep = |i: usize| if i / seq == batch - 1 && i % seq >= first_padding { 0. } else { 1. };
    let keep: Vec<f32> = (0..batch * seq).map(keep).collect();
    let keep = Tensor::from_vec(keep, (batch, seq), &Device::Cpu)?;
    let floats = [query, key, value].map(|x| (Role::Activation, x)).into_iter();
    let floats = floats.chain([(Role::Constant, keep)]).collect();
    let dropout = (kind == Kind::Dropout).then_some(Dropout { p: 0.1, key: 7, offset: 3 });
    let apply = move |x: &[Tensor], _: &[Tensor]| rule.apply(x, heads, dropout);
    let size = format!("{batch} x {seq}, {heads} heads of {dim}, {kind:?}");
    Ok(Case { op, size, floats, ids: vec![], apply: Box::new(apply) })
}

/// Query, key and value (batch, seq, heads · dim).
fn inputs([batch, seq, heads, dim]: Size) -> Result<[Tensor; 3]> {
    let input = |name| sample(&[batch, seq, heads * dim], name);
    Ok([input("query")?, input("key")?, input("value")?])
}
