//! Launches of `normalize.cu`.

use candle_core::{D, DType, Result, Tensor};
use cukernel::{Grid, Module, args, empty, suffix};

use crate::tape::{Backward, Sink};

/// The kernels.
pub const MODULE: Module = Module::new("normalize", include_str!("normalize.cu"));

/// Threads of a block, one row a warp.
pub const THREADS: usize = 128;

/// A warp for each of `rows`.
pub fn grid(rows: usize) -> Grid {
    Grid::new(rows.div_ceil(THREADS / 32), THREADS as u32)
}

/// The gradient is added to that of the residual stream, where it is there already.
pub fn normalize([x]: [Tensor; 1], _: ()) -> Result<(Tensor, impl Backward)> {
    let (y, inverses) = forward(&x)?;
    let kept = y.clone();
    let backward = move |dy: &Tensor, sink: &mut Sink| {
        let earlier = sink.take_shared(0);
        sink.add_own(0, backward(&kept, &inverses, dy, earlier.as_ref())?)
    };
    Ok((y, backward))
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

/// The gradient of the input, added to an earlier one if there is any.
fn backward(y: &Tensor, inverses: &Tensor, dy: &Tensor, earlier: Option<&Tensor>) -> Result<Tensor> {
    let width = y.dim(D::Minus1)?;
    let rows = y.elem_count() / width.max(1);
    let dx = empty(y.shape(), y.dtype(), y.device())?;
    let kernel = format!("normalize_backward_{}", suffix(y.dtype())?);
    let add = u32::from(earlier.is_some());
    let args = args![y, inverses, dy, earlier.unwrap_or(dy), dx, rows, width, add];
    // SAFETY: y, dy, dx and what is added have (rows, width) elements.
    unsafe { MODULE.launch(y.device(), &kernel, grid(rows), &args)? };
    Ok(dx)
}
