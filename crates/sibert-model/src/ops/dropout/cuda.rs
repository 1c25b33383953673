//! Launches of `dropout.cu`.

use candle_core::{Result, Tensor};
use cukernel::{Grid, Module, args, empty, suffix};

use super::Draws;
use super::mask::Mask;
use crate::tape::{Backward, Sink};

/// The kernels.
pub const MODULE: Module = Module::new("dropout", include_str!("dropout.cu"));

pub fn dropout([x]: [Tensor; 1], Draws { p, key, offset }: Draws) -> Result<(Tensor, impl Backward)> {
    let mask = Mask::new(p, key);
    let backward = move |dy: &Tensor, sink: &mut Sink| sink.add(0, forward(dy, mask, offset)?);
    Ok((forward(&x, mask, offset)?, backward))
}

/// `x ∘ m / (1 − p)`, the first element being number `offset`.
fn forward(x: &Tensor, mask: Mask, offset: usize) -> Result<Tensor> {
    let (y, n) = (empty(x.shape(), x.dtype(), x.device())?, x.elem_count());
    let kernel = format!("dropout_{}", suffix(x.dtype())?);
    let [key, threshold, scale] = mask.args();
    let args = &args![x, y, n as u64, offset as u64, key, threshold, scale];
    // SAFETY: x and y have n elements.
    unsafe { MODULE.launch(x.device(), &kernel, Grid::elements(n.div_ceil(4)), args)? };
    Ok(y)
}
