//! Launches of `binary_cross_entropy.cu`.

use candle_core::{DType, Result, Tensor};
use cukernel::{Grid, Module, args, empty, suffix};

use crate::tape::{Backward, Sink};

/// The kernels.
pub const MODULE: Module = Module::new("binary_cross_entropy", include_str!("binary_cross_entropy.cu"));

/// An f32 scalar; the target is read in f32.
pub fn binary_cross_entropy([x]: [Tensor; 1], target: Tensor) -> Result<(Tensor, impl Backward)> {
    let (target, n) = (target.to_dtype(DType::F32)?.contiguous()?, x.elem_count());
    let loss = empty((), DType::F32, x.device())?;
    let kernel = format!("binary_cross_entropy_{}", suffix(x.dtype())?);
    // SAFETY: x and the target have n elements.
    unsafe { MODULE.launch(x.device(), &kernel, Grid::new(1, 256), &args![x, target, loss, n as u64])? };
    let backward = move |dloss: &Tensor, sink: &mut Sink| {
        let dx = empty(x.shape(), x.dtype(), x.device())?;
        let kernel = format!("binary_cross_entropy_backward_{}", suffix(x.dtype())?);
        let args = args![x, target, dloss, dx, n as u64];
        // SAFETY: x, the target and dx have n elements, and the gradient of the loss is one f32.
        unsafe { MODULE.launch(x.device(), &kernel, Grid::elements(n.div_ceil(4)), &args)? };
        sink.add(0, dx)
    };
    Ok((loss, backward))
}
