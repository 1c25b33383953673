//! Inverted dropout, its mask a pure function of a key.

pub(super) mod composed;
pub(super) mod cpu;
pub(super) mod cuda;
pub(super) mod mask;
#[cfg(test)]
mod tests;

use candle_core::{Result, Tensor, bail};

use super::op;

pub use mask::dropout_mask;

/// `y_i = x_i m_i / (1 − p)`, where `m_i` is zero with probability p.
///
/// The mask depends on `key` and on the element's index only: it is the same on any device and any number of threads,
/// and the backward pass makes it again instead of keeping it: `dx = dy ∘ m / (1 − p)`. The first element of `x` has the
/// index `offset`, so that the parts of a tensor are dropped as the whole would be.
///
/// # Errors
/// If p is not in \[0, 1), or the dtype is not [supported](crate::ops).
pub fn dropout(x: &Tensor, p: f32, key: u64, offset: usize) -> Result<Tensor> {
    if !(0. ..1.).contains(&p) {
        bail!("dropout: probability {p} is not in [0, 1)")
    }
    if p == 0. {
        return Ok(x.clone());
    }
    op("dropout", [x], Draws { p, key, offset }, cpu::dropout, cuda::dropout, composed::dropout)
}

/// Which elements are dropped.
#[derive(Clone, Copy)]
pub(super) struct Draws {
    pub p: f32,
    pub key: u64,
    pub offset: usize,
}
