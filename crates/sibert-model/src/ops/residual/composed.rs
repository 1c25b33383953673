use candle_core::{Device, Result, Tensor};

use super::{Branch, Draws};
use crate::ops::dropout::{self, dropout_mask};

/// `x + y ∘ m / (1 − p)`.
pub fn residual([x, y]: [&Tensor; 2], Branch { draws, rows }: Branch) -> Result<Tensor> {
    let Draws { p, key, offset } = draws;
    let Some(ids) = rows else { return x + dropout::composed::dropout([y], draws)? };
    let (_, width) = x.dims2()?;
    let mask = |&id: &u32| dropout_mask(key, p, offset + id as usize * width, width);
    let mask: Vec<u8> = ids.iter().flat_map(mask).map(u8::from).collect();
    let mask = Tensor::from_vec(mask, y.shape(), &Device::Cpu)?.to_dtype(y.dtype())?;
    x + (y.mul(&mask.to_device(y.device())?)? * (1. / (1. - f64::from(p))))?
}
