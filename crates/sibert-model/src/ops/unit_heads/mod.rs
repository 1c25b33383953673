//! Queries and keys of unit length, head by head.

mod composed;
mod cpu;
pub(super) mod cuda;
#[cfg(test)]
mod tests;

use candle_core::{D, Result, Tensor, bail};

use super::op;
use super::rotary::{Angles, angles_of};

/// The heads of an input, and how they are turned.
pub struct Heads {
    /// Columns of a head.
    dim: usize,
    /// Heads of a row.
    count: usize,
    /// Those of every position, where the heads are turned.
    angles: Option<Angles>,
}

/// `y = x / ‖x‖` of each of the `heads` equal parts of the last dimension of x (…, heads · dim).
///
/// No eps is added to the norm, so `unit_heads(s·x) = unit_heads(x)` for every `s > 0`; a part of zeros stays zero and has
/// a zero gradient. Norms are accumulated in f64, whose range no square of an f32 leaves.
///
/// The backward pass is `dx = (dy − y ⟨y, dy⟩) / ‖x‖`, zero for a head of zeros.
///
/// # Errors
/// If the last dimension is not a multiple of `heads`, or the dtype is not [supported](crate::ops).
pub fn unit_heads(x: &Tensor, heads: usize) -> Result<Tensor> {
    apply(x, heads, None)
}

/// `y = R x / ‖x‖` of every head of x (batch, seq, heads · dim), R being the rotation of [`rotary`](crate::ops::rotary): both in
/// one pass over memory.
///
/// The backward pass is `dx = Rᵀ (dy − y ⟨y, dy⟩) / ‖x‖`, for R changes no product.
///
/// # Errors
/// As [`unit_heads`] and [`rotary`](crate::ops::rotary).
pub fn unit_heads_rotary(x: &Tensor, heads: usize, base: f64) -> Result<Tensor> {
    apply(x, heads, Some(angles_of(x, heads, base)?))
}

fn apply(x: &Tensor, heads: usize, angles: Option<Angles>) -> Result<Tensor> {
    let hidden = x.dim(D::Minus1)?;
    if heads == 0 || hidden == 0 || !hidden.is_multiple_of(heads) {
        bail!("unit_heads: {hidden} columns are not a multiple of {heads} heads")
    }
    let heads = Heads { dim: hidden / heads, count: heads, angles };
    op("unit_heads", [x], heads, cpu::unit_heads, cuda::unit_heads, composed::unit_heads)
}
