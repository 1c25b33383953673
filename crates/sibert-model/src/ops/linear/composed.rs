use candle_core::{D, Result, Tensor};

use super::Epilogue;

/// `x Wᵀ` by a broadcast product, then the epilogue.
pub fn linear(x: &Tensor, weight: &Tensor, epilogue: Epilogue<&Tensor>) -> Result<Tensor> {
    let (rows, width) = (x.elem_count() / x.dim(D::Minus1)?.max(1), x.dim(D::Minus1)?);
    let mut shape = x.dims().to_vec();
    if let Some(last) = shape.last_mut() {
        *last = weight.dim(0)?;
    }
    let y = x.reshape((rows, width))?.matmul(&weight.t()?)?.reshape(shape)?;
    match epilogue {
        Epilogue::None => Ok(y),
        Epilogue::Bias(bias) => y.broadcast_add(bias),
        Epilogue::BiasRelu(bias) => crate::ops::relu(&y.broadcast_add(bias)?),
    }
}
