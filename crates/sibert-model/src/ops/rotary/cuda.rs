//! Launches of `rotary.cu`.

use candle_core::{Device, Result, Tensor};
use cukernel::{Grid, Module, args, empty, suffix, upload};

use super::Angles;
use crate::tape::{Backward, Sink};

/// The kernels.
pub const MODULE: Module = Module::new("rotary", include_str!("rotary.cu"));

pub fn rotary([x]: [Tensor; 1], angles: Angles) -> Result<(Tensor, impl Backward)> {
    let table = table(&angles, x.device())?;
    let y = rotate(&x, &table, 1.)?;
    Ok((y, move |dy: &Tensor, sink: &mut Sink| sink.add(0, rotate(dy, &table, -1.)?)))
}

/// Cosines and sines (2, seq, half) in f32.
pub fn table(angles: &Angles, device: &Device) -> Result<Tensor> {
    let values: Vec<f32> = angles.cos.iter().chain(&angles.sin).map(|&value| value as f32).collect();
    upload(&values, (2, angles.seq(), angles.half), device)
}

/// Turns every head by its angle, of which `table` (2, seq, half) has cosine and sine, or by `sign` −1 back.
fn rotate(x: &Tensor, table: &Tensor, sign: f32) -> Result<Tensor> {
    let (_, seq, half) = table.dims3()?;
    let heads = x.dim(2)? / (2 * half);
    let (cos, sin) = (table.get(0)?, table.get(1)?);
    let (y, rows) = (empty(x.shape(), x.dtype(), x.device())?, x.elem_count() / (2 * half));
    let kernel = format!("rotary_{}", suffix(x.dtype())?);
    let args = args![x, y, cos, sin, sign, rows, heads, seq, half];
    // SAFETY: x and y have (rows, 2 half) elements, those of all heads of (batch, seq); the tables are (seq, half).
    unsafe { MODULE.launch(x.device(), &kernel, Grid::elements(rows * half.div_ceil(4)), &args)? };
    Ok(y)
}
