use candle_core::{Device, Result, Tensor};

use super::Angles;

/// The halves of every head, four products and two sums.
pub fn rotary([x]: [&Tensor; 1], angles: Angles) -> Result<Tensor> {
    let (batch, seq, hidden) = x.dims3()?;
    let heads = hidden / (2 * angles.half);
    let table = |values: &[f64]| {
        Tensor::from_slice(values, (seq, 1, angles.half), &Device::Cpu)?
            .to_dtype(x.dtype())?
            .to_device(x.device())
    };
    let (cos, sin) = (table(&angles.cos)?, table(&angles.sin)?);
    let halves = x.reshape((batch, seq, heads, 2, angles.half))?;
    let (a, b) = (halves.narrow(3, 0, 1)?.squeeze(3)?, halves.narrow(3, 1, 1)?.squeeze(3)?); // (batch, seq, heads, half)
    let left = (a.broadcast_mul(&cos)? - b.broadcast_mul(&sin)?)?;
    let right = (b.broadcast_mul(&cos)? + a.broadcast_mul(&sin)?)?;
    Tensor::stack(&[left, right], 3)?.reshape(x.shape())
}
