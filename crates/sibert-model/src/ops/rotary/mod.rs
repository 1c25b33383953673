//! Rotary position embeddings: what a query and a key make together depends on their distance.

mod angles;
pub(super) mod composed;
mod cpu;
pub(super) mod cuda;
#[cfg(test)]
mod tests;
pub(super) mod turn;

use candle_core::{Result, Tensor, bail};

pub(super) use self::angles::Angles;
use super::op;

/// Turns the pairs of columns of every head by angles that grow with the position (Su et al. 2021, section 3.2).
///
/// ```text
/// (y_i, y_{i+dim/2}) = (a cos φ − b sin φ, b cos φ + a sin φ)        a = x_i, b = x_{i+dim/2}, φ = p · base^(−2i/dim)
/// ```
/// x (batch, seq, heads · dim) to the same shape, p being the place along `seq`. The pairs are columns a half of the head
/// apart, as in GPT-NeoX and Llama of transformers. It is linear, keeps the length of every head, and the product of a
/// query and a key depends on the difference of their positions only. The backward pass turns back. Angles, cosines and sines are computed in f64.
///
/// # Errors
/// If the columns are not `heads` times an even number, `base` is not positive, or the dtype is not
/// [supported](crate::ops).
pub fn rotary(x: &Tensor, heads: usize, base: f64) -> Result<Tensor> {
    op("rotary", [x], angles_of(x, heads, base)?, cpu::rotary, cuda::rotary, composed::rotary)
}

/// The angles of the positions of x (batch, seq, heads · dim).
pub(super) fn angles_of(x: &Tensor, heads: usize, base: f64) -> Result<Angles> {
    let (_, seq, hidden) = x.dims3()?;
    let half = half_of(hidden, heads)?;
    if !(base.is_finite() && base > 0.) {
        bail!("rotary: base {base} is not a positive number")
    }
    Ok(Angles::new(seq, half, base))
}

/// Half the width of a head.
fn half_of(hidden: usize, heads: usize) -> Result<usize> {
    if heads == 0 || !hidden.is_multiple_of(heads) {
        bail!("rotary: {hidden} columns are not a multiple of {heads} heads")
    }
    let dim = hidden / heads;
    if dim == 0 || dim % 2 == 1 {
        bail!("rotary: a head of {dim} columns has no two halves, expected an even number")
    }
    Ok(dim / 2)
}
