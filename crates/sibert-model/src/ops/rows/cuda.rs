//! Launches of `rows.cu`; ids are on the host.

use candle_core::{D, Result, Tensor};
use cukernel::{Grid, Module, args, empty, suffix, upload};

use crate::compute::buffer::Values;
use crate::compute::groups::{Groups, Targets};
use crate::tape::{Backward, Sink};

/// The kernels.
pub const MODULE: Module = Module::new("rows", include_str!("rows.cu"));

/// Threads of a block, which writes one row.
const THREADS: u32 = 128;

pub fn rows([x]: [Tensor; 1], ids: Tensor) -> Result<(Tensor, impl Backward)> {
    let width = x.dim(D::Minus1)?;
    let y = empty([ids.dims(), &[width]].concat(), x.dtype(), x.device())?;
    let device_ids = upload(Values::of(&ids).slice::<u32>()?, ids.elem_count(), x.device())?;
    let kernel = format!("gather_{}", suffix(x.dtype())?);
    let (grid, args) = (Grid::new(ids.elem_count(), THREADS), args![x, device_ids, y, width]);
    // SAFETY: the ids are below the number of rows of x, and y has a row for each.
    unsafe { MODULE.launch(x.device(), &kernel, grid, &args)? };
    let backward = move |dy: &Tensor, sink: &mut Sink| {
        let dx = x.zeros_like()?.detach();
        Groups::of(Values::of(&ids).slice()?).sum_into(dy, Targets::Ids, &dx)?;
        sink.add(0, dx)
    };
    Ok((y, backward))
}
