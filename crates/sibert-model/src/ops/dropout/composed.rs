use candle_core::{Device, Result, Tensor};

use super::dropout_mask;

/// `x ∘ m / (1 − p)`, the mask made on the CPU and uploaded.
pub fn dropout(x: &Tensor, p: f32, key: u64, offset: usize) -> Result<Tensor> {
    let mask: Vec<u8> = dropout_mask(key, p, offset, x.elem_count()).into_iter().map(u8::from).collect();
    let mask = Tensor::from_vec(mask, x.shape(), &Device::Cpu)?.to_dtype(x.dtype())?;
    x.mul(&mask.to_device(x.device())?)? * (1. / (1. - f64::from(p)))
}
