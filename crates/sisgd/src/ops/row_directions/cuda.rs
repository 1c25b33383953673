//! The launch.

use crate::ops::group::{Group, KERNELS, THREADS};
use candle_core::{Result, Tensor};
use cukernel::{Grid, args};

/// Blocks of a launch at most; each has two partial sums.
const MOST: usize = 1024;

/// How many partial sums there are of a table with so many rows.
pub(crate) fn parts(rows: usize) -> usize {
    rows.div_ceil(THREADS as usize / 32).clamp(1, MOST)
}

/// `1/‖G_i‖` of each row of a table, the `variable`-th of the group, and the parts of `⟨W, U⟩` and `‖U‖²`.
pub(crate) fn enqueue(
    group: &Group,
    variable: usize,
    (rows, width): (usize, usize),
    inverses: &Tensor,
    sums: &Tensor,
) -> Result<()> {
    let table = group.table.narrow(0, variable, 1)?;
    let args = args![table, rows, width, inverses, sums];
    // SAFETY: the table's tensors have the lengths that it tells; there is an inverse for each row, and two sums for each block.
    unsafe { KERNELS.launch(group.device(), "row_directions", Grid::new(parts(rows), THREADS), &args) }
}
