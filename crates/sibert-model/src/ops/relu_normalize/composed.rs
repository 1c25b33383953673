use candle_core::{D, Result, Tensor};

use crate::ops::keep_like;

/// `relu(S) ∘ keep`, each row divided by its sum unless that is zero.
pub fn relu_normalize(scores: &Tensor, keep: &Tensor) -> Result<Tensor> {
    let positive = scores.gt(0f64)?.to_dtype(scores.dtype())?;
    let x = scores.broadcast_mul(&keep_like("relu_normalize", scores, keep)?)?.mul(&positive)?;
    let sum = x.sum_keepdim(D::Minus1)?;
    let sum = sum.eq(0f64)?.where_cond(&sum.ones_like()?, &sum)?;
    x.broadcast_div(&sum)
}
