//! Launches of `rotary.cu`.

use candle_core::{Result, Tensor};
use cukernel::{Grid, Module, args, empty, suffix, upload};

use super::cpu::Angles;
use crate::tape::{Sink, apply_kernels};

/// The kernels.
pub const MODULE: Module = Module::new("rotary", include_str!("rotary.cu"));

/// As [`super::rotary`].
pub fn rotary(x: &Tensor, heads: usize, angles: &Angles) -> Result<Tensor> {
    let x = x.contiguous()?;
    apply_kernels("rotary", &[&x], || {
        let values: Vec<f32> = angles.cos.iter().chain(&angles.sin).map(|&value| value as f32).collect();
        let table = upload(&values, (2, angles.seq(), angles.half), x.device())?;
        let y = rotate(&x, heads, &table, 1.)?;
        let backward = move |dy: &Tensor, sink: &mut Sink| sink.add(0, rotate(dy, heads, &table, -1.)?);
        Ok((y, backward))
    })
}

/// Turns every head by its angle, of which `table` (2, seq, half) has cosine and sine, or by `sign` −1 back.
fn rotate(x: &Tensor, heads: usize, table: &Tensor, sign: f32) -> Result<Tensor> {
    let (_, seq, half) = table.dims3()?;
    let (cos, sin) = (table.get(0)?, table.get(1)?);
    let (y, rows) = (empty(x.shape(), x.dtype(), x.device())?, x.elem_count() / (2 * half));
    let kernel = format!("rotary_{}", suffix(x.dtype())?);
    let args = args![x, y, cos, sin, sign, rows, heads, seq, half];
    // SAFETY: x and y have (rows, 2 half) elements, those of all heads of (batch, seq); the tables are (seq, half).
    unsafe { MODULE.launch(x.device(), &kernel, Grid::elements(rows * half.div_ceil(4)), &args)? };
    Ok(y)
}
