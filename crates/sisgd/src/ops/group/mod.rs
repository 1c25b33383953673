//! A group of variables and their gradients as kernels see them: one launch does something to all of them.

use super::CHUNK;
use crate::gradients::Fitting;
use candle_core::{DType, Device, Result, Tensor, Var, bail};
use cukernel::{Arg, Grid, IntoArg, Module};
use std::ops::Range;

/// All kernels of this crate, to be compiled or read.
pub const KERNELS: Module = Module::new(
    "sisgd",
    concat!(
        include_str!("group.cu"),
        include_str!("../dots/dots.cu"),
        include_str!("../verdict/verdict.cu"),
        include_str!("../scaled_add/scaled_add.cu"),
        include_str!("../heavy_ball/heavy_ball.cu"),
        include_str!("../adam/adam.cu"),
        include_str!("../nesterov/nesterov.cu"),
        include_str!("../blocks/blocks.cu"),
        include_str!("../row_directions/row_directions.cu"),
        include_str!("../orthogonal/orthogonal.cu"),
    ),
);

/// Threads of a block, as in `group.cu`.
pub(super) const THREADS: u32 = 256;

/// Numbers in a row of the table.
const WORDS: usize = 8;

/// More elements than this are not counted in a kernel.
const LARGEST: usize = 1 << 31;

/// The traits of a variable that kernels look at, as in `group.cu`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traits {
    /// It is decayed.
    pub decays: bool,
    /// It gets a trust ratio.
    pub adapts: bool,
}

/// A table of variables, gradients and state, on the device.
pub(crate) struct Group {
    pub(super) table: Tensor,
    /// Variables.
    pub(super) len: usize,
    /// Chunks of all variables; each has at least one.
    pub(super) chunks: usize,
    /// The first chunk of each variable.
    firsts: Vec<usize>,
    /// Whether any variable gets a trust ratio.
    pub(super) adapts: bool,
    /// The tensors that the table points to.
    _held: Vec<Tensor>,
}

/// Whether there are kernels for these variables: all f32, on one device that runs them.
pub(crate) fn has_kernels(vars: &[(String, Var)]) -> bool {
    let Some((_, first)) = vars.first() else { return false };
    let device = first.device();
    let fits = |var: &Var| {
        var.dtype() == DType::F32 && var.elem_count() < LARGEST && var.device().same_device(device)
    };
    cukernel::runs_on(device) && vars.iter().all(|(_, var)| fits(var))
}

impl Group {
    /// The table of a step; `states` has one tensor for each variable, or none at all.
    pub fn new(gradients: &[Fitting], states: &[Tensor], traits: impl Fn(&Var) -> Traits) -> Result<Self> {
        let Some(first) = gradients.first() else { bail!("a group without variables") };
        let device = first.var.device();
        let (mut rows, mut held) = (Vec::with_capacity(gradients.len() * WORDS), states.to_vec());
        let (mut chunks, mut firsts, mut adapts) = (0, Vec::with_capacity(gradients.len()), false);
        for (index, gradient) in gradients.iter().enumerate() {
            let traits = traits(gradient.var);
            let place = gradient.places()?;
            rows.extend(row(gradient, place.as_ref(), states.get(index), chunks, traits)?);
            firsts.push(chunks);
            chunks += gradient.var.elem_count().div_ceil(CHUNK).max(1);
            adapts |= traits.adapts;
            held.push(gradient.values.clone());
            held.extend(place);
        }
        let table = cukernel::upload(&rows, (gradients.len(), WORDS), device)?;
        Ok(Self { table, len: gradients.len(), chunks, firsts, adapts, _held: held })
    }

    pub fn device(&self) -> &Device {
        self.table.device()
    }

    /// The chunks of variables that are next to each other.
    pub(super) fn chunks_of(&self, vars: Range<usize>) -> Range<usize> {
        let first = |var: usize| self.firsts.get(var).copied().unwrap_or(self.chunks);
        first(vars.start)..first(vars.end)
    }

    /// A block for each chunk.
    pub(super) fn blocks(&self) -> Grid {
        Grid::new(self.chunks, THREADS)
    }

    /// One block.
    pub(super) fn one_block(&self) -> Grid {
        Grid::new(1, THREADS)
    }

    /// Numbers for a kernel to write.
    pub(super) fn empty(&self, len: usize, dtype: DType) -> Result<Tensor> {
        cukernel::empty(len, dtype, self.device())
    }
}

/// The row of a variable whose first chunk has the number `first`.
fn row(
    gradient: &Fitting,
    place: Option<&Tensor>,
    state: Option<&Tensor>,
    first: usize,
    traits: Traits,
) -> Result<[i64; WORDS]> {
    let len = gradient.var.elem_count();
    let width = place.map_or(Ok(0), |_| gradient.values.dim(1))?;
    let [x, g, state] = [Some(gradient.var.as_tensor()), Some(&gradient.values), state].map(address);
    let (x, g, state) = (x?, g?, state?);
    let fours = [x, g, state].iter().all(|address| address % 16 == 0) && (len | width).is_multiple_of(4);
    let traits =
        [fours, traits.decays, traits.adapts].iter().rev().fold(0, |bits, &is| bits << 1 | i64::from(is));
    Ok([x, g, address(place)?, state, len as i64, width as i64, first as i64, traits])
}

/// Where a tensor begins, 0 if there is none.
fn address(tensor: Option<&Tensor>) -> Result<i64> {
    match tensor.map(IntoArg::arg).transpose()? {
        Some(Arg::Pointer(address, ..)) => Ok(address as i64),
        _ => Ok(0),
    }
}

#[cfg(test)]
mod tests;
