use candle_core::{D, Result, Tensor};

/// `x / ‖x‖` of every head; one of zeros stays zero, and so does its gradient.
pub fn unit_heads([x]: [&Tensor; 1], dim: usize) -> Result<Tensor> {
    let mut split = x.dims().to_vec();
    let heads = split.pop().unwrap_or(1) / dim;
    split.extend([heads, dim]);
    let rows = x.reshape(split)?; // (…, heads, dim)
    let squares = rows.sqr()?.sum_keepdim(D::Minus1)?;
    let norms = squares.eq(0f64)?.where_cond(&squares.ones_like()?, &squares)?.sqrt()?;
    let counts = squares.ne(0f64)?.to_dtype(x.dtype())?;
    rows.broadcast_mul(&counts)?.broadcast_div(&norms)?.reshape(x.shape())
}
