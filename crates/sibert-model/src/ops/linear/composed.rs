use candle_core::{D, Result, Tensor};

use super::Rectifier;

/// `x Wᵀ` by one product of matrices.
pub fn linear([x, weight]: [&Tensor; 2], _: ()) -> Result<Tensor> {
    let (rows, width) = (x.elem_count() / x.dim(D::Minus1)?.max(1), x.dim(D::Minus1)?);
    let mut shape = x.dims().to_vec();
    if let Some(last) = shape.last_mut() {
        *last = weight.dim(0)?;
    }
    x.reshape((rows, width))?.matmul(&weight.t()?)?.reshape(shape)
}

/// `x Wᵀ + b`, and `y · [y > 0]` of that behind a rectifier: candle's own `relu` has slope one at zero.
pub fn linear_bias([x, weight, bias]: [&Tensor; 3], Rectifier(relu): Rectifier) -> Result<Tensor> {
    let y = linear([x, weight], ())?.broadcast_add(bias)?;
    if relu { y.mul(&y.gt(0f64)?.to_dtype(y.dtype())?) } else { Ok(y) }
}
