//! A residual connection: a branch, dropped out, added to its stream.

mod composed;
mod cpu;
pub(super) mod cuda;
#[cfg(test)]
mod tests;

use candle_core::{Result, Tensor, bail};

use super::dropout::Draws;
use super::op;

/// `z = x + y ∘ m / (1 − p)` in one pass, with the mask of `dropout(y, p, key, offset)`; `x + y` if p is zero.
///
/// The backward pass is `dx = dz`, without a copy, and `dy = dz ∘ m / (1 − p)`.
///
/// # Errors
/// If the shapes differ, p is not in \[0, 1), or a dtype is not [supported](crate::ops).
pub fn residual(x: &Tensor, y: &Tensor, p: f32, key: u64, offset: usize) -> Result<Tensor> {
    apply(x, y, Draws { p, key, offset }, None)
}

/// The same for x and y (n, d), the rows `ids` (n) of larger tensors: they are dropped out as the whole would be.
///
/// # Errors
/// As [`residual`], or if `ids` are not n numbers of dtype u32.
pub fn residual_rows(
    x: &Tensor,
    y: &Tensor,
    p: f32,
    key: u64,
    offset: usize,
    ids: &Tensor,
) -> Result<Tensor> {
    let rows: Vec<u32> = ids.to_vec1()?;
    if x.dims2()?.0 != rows.len() {
        bail!("residual: {} ids do not fit rows of shape {:?}", rows.len(), x.dims())
    }
    apply(x, y, Draws { p, key, offset }, Some(rows))
}

fn apply(x: &Tensor, y: &Tensor, draws: Draws, rows: Option<Vec<u32>>) -> Result<Tensor> {
    if x.dims() != y.dims() {
        bail!("residual: shapes {:?} and {:?} differ", x.dims(), y.dims())
    }
    if !(0. ..1.).contains(&draws.p) {
        bail!("residual: probability {} is not in [0, 1)", draws.p)
    }
    op("residual", [x, y], Branch { draws, rows }, cpu::residual, cuda::residual, composed::residual)
}

/// How the branch is dropped out; `rows` are those of a larger tensor, if it is not a whole one.
pub(super) struct Branch {
    draws: Draws,
    rows: Option<Vec<u32>>,
}
