//! The launch of what no step needs; the products of a step are launched by the [verdict](crate::ops::verdict) on it.

use crate::ops::group::{Group, KERNELS};
use candle_core::{DType, Result, Tensor};
use cukernel::args;

/// `‖x‖²` of each variable.
pub(crate) fn squared_norms(group: &Group) -> Result<Tensor> {
    let Group { table, len, chunks, .. } = group;
    let (parts, sums) = (group.empty(*chunks, DType::F64)?, group.empty(*len, DType::F64)?);
    // SAFETY: the table's variables have the lengths that it tells; there is a number for each chunk and each variable.
    unsafe {
        KERNELS.launch(group.device(), "squares", group.blocks(), &args![table, *len, parts])?;
        let sum = args![table, *len, *chunks, parts, sums];
        KERNELS.launch(group.device(), "sum_squares", group.one_block(), &sum)?;
    }
    Ok(sums)
}
