//! Some of the rows of a tensor.

mod composed;
mod cpu;
pub(super) mod cuda;
#[cfg(test)]
mod tests;

use candle_core::{DType, Result, Tensor, bail};

use super::op;
use super::op::width;
use crate::compute::buffer::Values;

/// `y[i] = x[ids[i]]`, from x (…, d), its rows counted through all leading dimensions, and u32 ids (…) to (…, d).
///
/// The backward pass is `dx[r] = Σ_{ids[i] = r} dy[i]`: rows that occur more than once are added in the order of `ids`.
///
/// # Errors
/// If an id is not below the number of rows, `ids` is not u32 on the host, or the dtype of `x` is not
/// [supported](crate::ops).
pub fn rows(x: &Tensor, ids: &Tensor) -> Result<Tensor> {
    if ids.dtype() != DType::U32 {
        bail!("rows: expected ids of dtype u32, found {}", ids.dtype().as_str())
    }
    let ids = ids.contiguous()?;
    check("rows", Values::of(&ids).slice()?, x.elem_count() / width(x).max(1))?;
    op("rows", [x], ids, cpu::rows, cuda::rows, composed::rows)
}

/// Refuses ids that are not below `len`.
pub(super) fn check(op: &str, ids: &[u32], len: usize) -> Result<()> {
    match ids.iter().position(|&id| id as usize >= len) {
        Some(at) => bail!("{op}: id {} at position {at} is not below the table's {len} rows", ids[at]),
        None => Ok(()),
    }
}
