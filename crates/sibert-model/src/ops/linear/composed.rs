use candle_core::{D, Result, Tensor};

/// `x Wᵀ` by a broadcast product.
pub fn linear(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let (rows, width) = (x.elem_count() / x.dim(D::Minus1)?.max(1), x.dim(D::Minus1)?);
    let mut shape = x.dims().to_vec();
    if let Some(last) = shape.last_mut() {
        *last = weight.dim(0)?;
    }
    x.reshape((rows, width))?.matmul(&weight.t()?)?.reshape(shape)
}
