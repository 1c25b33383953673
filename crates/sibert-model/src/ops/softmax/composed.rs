use candle_core::{D, Result, Tensor};

use crate::ops::keep_like;

/// Stands for −∞ without making `∞ − ∞` in a row that is masked as a whole.
const MASKED: f64 = -1e30;

/// `exp(S − max S) ∘ keep`, each row divided by its sum unless that is zero.
pub fn softmax(scores: &Tensor, keep: &Tensor) -> Result<Tensor> {
    let keep = keep_like("softmax", scores, keep)?.broadcast_as(scores.shape())?;
    let masked = (scores.ones_like()? * MASKED)?;
    let scores = keep.ne(0f64)?.where_cond(scores, &masked)?;
    let x = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?.detach())?.exp()?.mul(&keep)?;
    let sum = x.sum_keepdim(D::Minus1)?;
    let sum = sum.eq(0f64)?.where_cond(&sum.ones_like()?, &sum)?;
    x.broadcast_div(&sum)
}
