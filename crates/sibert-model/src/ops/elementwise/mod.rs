//! Functions of single elements.

mod composed;
mod cpu;
pub(super) mod cuda;
#[cfg(test)]
mod tests;

use candle_core::{Result, Tensor};

use super::op;

/// `y = x Φ(x)` with `Φ(x) = (1 + erf(x / √2)) / 2`, as in BERT.
///
/// With the normal density φ the backward pass is `dx = dy · (Φ(x) + x φ(x))`.
///
/// # Errors
/// If the dtype is not [supported](crate::ops).
pub fn gelu(x: &Tensor) -> Result<Tensor> {
    op("gelu", [x], (), cpu::gelu, cuda::gelu, composed::gelu)
}

/// `y = tanh(x)`, with `dx = dy · (1 − y²)`.
///
/// # Errors
/// If the dtype is not [supported](crate::ops).
pub fn tanh(x: &Tensor) -> Result<Tensor> {
    op("tanh", [x], (), cpu::tanh, cuda::tanh, composed::tanh)
}
