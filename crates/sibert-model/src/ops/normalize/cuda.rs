//! Launches of `normalize.cu`.

use candle_core::{D, DType, Result, Tensor};
use cukernel::{Grid, Module, args, empty, suffix};

use crate::tape::apply_kernels;

const MODULE: Module = Module::new("normalize", include_str!("normalize.cu"));

/// Threads of a block, one row a warp.
pub const THREADS: usize = 128;

/// A warp for each of `rows`.
pub fn grid(rows: usize) -> Grid {
    Grid::new(rows.div_ceil(THREADS / 32), THREADS as u32)
}

/// As [`super::normalize`].
pub fn normalize(x: &Tensor) -> Result<Tensor> {
    let x = x.contiguous()?;
    apply_kernels("normalize", &[&x], || {
        let (y, inverses) = forward(&x)?;
        let kept = y.clone();
        Ok((y, move |dy: &Tensor, sink: &mut crate::tape::Sink| sink.add(0, backward(&kept, &inverses, dy)?)))
    })
}

/// The result, and `1 / σ` of every row in f32.
fn forward(x: &Tensor) -> Result<(Tensor, Tensor)> {
    let width = x.dim(D::Minus1)?;
    let rows = x.elem_count() / width.max(1);
    let y = empty(x.shape(), x.dtype(), x.device())?;
    let inverses = empty(rows, DType::F32, x.device())?;
    let kernel = format!("normalize_{}", suffix(x.dtype())?);
    // SAFETY: x and y have (rows, width) elements.
    unsafe { MODULE.launch(x.device(), &kernel, grid(rows), &args![x, y, inverses, rows, width])? };
    Ok((y, inverses))
}

fn backward(y: &Tensor, inverses: &Tensor, dy: &Tensor) -> Result<Tensor> {
    let width = y.dim(D::Minus1)?;
    let rows = y.elem_count() / width.max(1);
    let dx = empty(y.shape(), y.dtype(), y.device())?;
    let kernel = format!("normalize_backward_{}", suffix(y.dtype())?);
    // SAFETY: y, dy and dx have (rows, width) elements.
    unsafe { MODULE.launch(y.device(), &kernel, grid(rows), &args![y, inverses, dy, dx, rows, width])? };
    Ok(dx)
}
