use candle_core::{D, Result, Tensor};

use super::{Dropout, Problem, Weights};
use crate::ops;

/// Stands for −∞ without making `∞ − ∞` in a row that is masked as a whole.
const MASKED: f64 = -1e30;

/// The same with all scores in memory.
pub fn attention([query, key, value]: [&Tensor; 3], (problem, keep): (Problem, Tensor)) -> Result<Tensor> {
    let Problem { batch, seq, heads, dim, weights, dropout, .. } = problem;
    let split = |x: &Tensor| x.reshape((batch, seq, heads, dim))?.transpose(1, 2)?.contiguous();
    let query = (split(query)? * weights.scale())?; // (batch, heads, seq, dim)
    let scores = query.matmul(&split(key)?.t()?.contiguous()?)?; // (batch, heads, seq, seq)
    let keep = keep.to_dtype(scores.dtype())?.reshape((batch, 1, 1, seq))?.broadcast_as(scores.shape())?;
    let numerator = match weights {
        Weights::Relu => {
            let positive = scores.mul(&scores.gt(0f64)?.to_dtype(scores.dtype())?)?; // keeps NaN
            keep.ne(0f64)?.where_cond(&positive, &positive.zeros_like()?)?
        }
        Weights::Softmax { .. } => {
            let scores = keep.ne(0f64)?.where_cond(&scores, &(scores.ones_like()? * MASKED)?)?;
            scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?.detach())?.exp()?.mul(&keep)?
        }
    };
    let sum = numerator.sum_keepdim(D::Minus1)?;
    let sum = sum.eq(0f64)?.where_cond(&sum.ones_like()?, &sum)?;
    let mut weights = numerator.broadcast_div(&sum)?;
    if let Some(Dropout { p, key, offset }) = dropout {
        weights = ops::dropout(&weights, p, key, offset)?;
    }
    weights.matmul(&split(value)?)?.transpose(1, 2)?.contiguous()?.reshape((batch, seq, heads * dim))
}
