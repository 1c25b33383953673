use candle_core::{D, Result, Tensor};

use super::Heads;
use crate::ops::rotary::composed::rotary;

/// `x / ‖x‖` of every head, turned; one of zeros stays zero, and so does its gradient.
pub fn unit_heads([x]: [&Tensor; 1], heads: Heads) -> Result<Tensor> {
    let mut split = x.dims().to_vec();
    split.pop();
    split.extend([heads.count, heads.dim]);
    let rows = x.reshape(split)?; // (…, heads, dim)
    let squares = rows.sqr()?.sum_keepdim(D::Minus1)?;
    let norms = squares.eq(0f64)?.where_cond(&squares.ones_like()?, &squares)?.sqrt()?;
    let counts = squares.ne(0f64)?.to_dtype(x.dtype())?;
    let unit = rows.broadcast_mul(&counts)?.broadcast_div(&norms)?.reshape(x.shape())?;
    match heads.angles {
        Some(angles) => rotary([&unit], angles),
        None => Ok(unit),
    }
}
