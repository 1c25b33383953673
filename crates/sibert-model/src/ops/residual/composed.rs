use candle_core::{Device, Result, Tensor};

use super::Residual;
use crate::ops::dropout::{self, dropout_mask};

/// `x + y ∘ m / (1 − p)`.
pub fn residual(x: &Tensor, y: &Tensor, op: &Residual) -> Result<Tensor> {
    let Residual { p, key, offset, ref rows } = *op;
    let Some(ids) = rows else { return x + dropout::composed::dropout(y, p, key, offset)? };
    let (_, width) = x.dims2()?;
    let mask = |&id: &u32| dropout_mask(key, p, offset + id as usize * width, width);
    let mask: Vec<u8> = ids.iter().flat_map(mask).map(u8::from).collect();
    let mask = Tensor::from_vec(mask, y.shape(), &Device::Cpu)?.to_dtype(y.dtype())?;
    x + (y.mul(&mask.to_device(y.device())?)? * (1. / (1. - f64::from(p))))?
}
