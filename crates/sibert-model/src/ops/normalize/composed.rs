use candle_core::{D, Result, Tensor};

/// `(x − μ) / σ`; the first element is subtracted before the mean, so that a constant row is exactly zero.
pub fn normalize([x]: [&Tensor; 1], _: ()) -> Result<Tensor> {
    let x = x.broadcast_sub(&x.narrow(D::Minus1, 0, 1)?)?;
    let x = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let variance = x.sqr()?.mean_keepdim(D::Minus1)?;
    let constant = variance.eq(0f64)?;
    let deviation = constant.where_cond(&variance.ones_like()?, &variance)?.sqrt()?;
    let varies = variance.ne(0f64)?.to_dtype(x.dtype())?;
    x.broadcast_mul(&varies)?.broadcast_div(&deviation)
}
