//! Launches of `unit_heads.cu`.

use candle_core::{DType, Result, Tensor};
use cukernel::{Module, args, empty, suffix};

use crate::ops::normalize::cuda::grid;
use crate::tape::{Backward, Sink};

/// The kernels.
pub const MODULE: Module = Module::new("unit-heads", include_str!("unit_heads.cu"));

pub fn unit_heads([x]: [Tensor; 1], dim: usize) -> Result<(Tensor, impl Backward)> {
    let (y, inverses) = forward(&x, dim)?;
    let kept = y.clone();
    let backward = move |dy: &Tensor, sink: &mut Sink| sink.add_own(0, backward(&kept, &inverses, dy, dim)?);
    Ok((y, backward))
}

/// The result, and `1 / ‖x‖` of every head in f32.
fn forward(x: &Tensor, dim: usize) -> Result<(Tensor, Tensor)> {
    let heads = x.elem_count() / dim.max(1);
    let y = empty(x.shape(), x.dtype(), x.device())?;
    let inverses = empty(heads, DType::F32, x.device())?;
    let kernel = format!("unit_heads_{}", suffix(x.dtype())?);
    // SAFETY: x and y have (heads, dim) elements.
    unsafe { MODULE.launch(x.device(), &kernel, grid(heads), &args![x, y, inverses, heads, dim])? };
    Ok((y, inverses))
}

/// The gradient of the input.
fn backward(y: &Tensor, inverses: &Tensor, dy: &Tensor, dim: usize) -> Result<Tensor> {
    let heads = y.elem_count() / dim.max(1);
    let dx = empty(y.shape(), y.dtype(), y.device())?;
    let kernel = format!("unit_heads_backward_{}", suffix(y.dtype())?);
    let args = args![y, inverses, dy, dx, heads, dim];
    // SAFETY: y, dy and dx have (heads, dim) elements, the inverses (heads).
    unsafe { MODULE.launch(y.device(), &kernel, grid(heads), &args)? };
    Ok(dx)
}
