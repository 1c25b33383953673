//! The launches of what not every step needs; its other products are launched by the [verdict](crate::ops::verdict) on it.

use crate::ops::group::{Group, KERNELS};
use candle_core::{DType, Result, Tensor};
use cukernel::args;

/// `‖x‖²` of each variable.
pub(crate) fn squared_norms(group: &Group) -> Result<Tensor> {
    sums::<1>(group, "squares", "sum_squares")
}

/// `‖x‖²`, `⟨x, g⟩` and `‖g‖²` of each variable.
pub(crate) fn products(group: &Group) -> Result<Tensor> {
    sums::<3>(group, "dots", "sum_dots")
}

/// `S` sums over every variable.
fn sums<const S: usize>(group: &Group, of_chunks: &str, of_variables: &str) -> Result<Tensor> {
    let Group { table, len, chunks, .. } = group;
    let (parts, sums) = (group.empty(chunks * S, DType::F64)?, group.empty(len * S, DType::F64)?);
    // SAFETY: the table's tensors have the lengths that it tells; there are S numbers for each chunk and each variable.
    unsafe {
        KERNELS.launch(group.device(), of_chunks, group.blocks(), &args![table, *len, parts])?;
        let sum = args![table, *len, *chunks, parts, sums];
        KERNELS.launch(group.device(), of_variables, group.one_block(), &sum)?;
    }
    Ok(sums)
}
