use candle_core::{Device, Result, Tensor};

use super::{Draws, dropout_mask};

/// `x ∘ m / (1 − p)`, the mask made on the CPU and uploaded.
pub fn dropout([x]: [&Tensor; 1], Draws { p, key, offset }: Draws) -> Result<Tensor> {
    let mask: Vec<u8> = dropout_mask(key, p, offset, x.elem_count()).into_iter().map(u8::from).collect();
    let mask = Tensor::from_vec(mask, x.shape(), &Device::Cpu)?.to_dtype(x.dtype())?;
    x.mul(&mask.to_device(x.device())?)? * (1. / (1. - f64::from(p)))
}
