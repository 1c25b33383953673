//! Layer normalisation without affine part and without eps.

pub(super) mod composed;
pub(super) mod cpu;
pub(super) mod cuda;
#[cfg(test)]
mod tests;

use candle_core::{Result, Tensor};

use super::op;

/// `y = (x − μ) / σ` along the last dimension of x (…, d); a row that does not vary gives zeros.
///
/// No eps is added to the variance, so `normalize(s·x) = normalize(x)` for every `s > 0` (Li et al. 2022, section 3:
/// the block N, of degree zero). Mean and variance are accumulated in f64, whose range no square of an f32 leaves.
///
/// The backward pass is `dx = (dy − mean(dy) − y · mean(dy ∘ y)) / σ`, zero for a row that does not vary.
///
/// # Errors
/// If `x` is a scalar, or its dtype is not [supported](crate::ops).
pub fn normalize(x: &Tensor) -> Result<Tensor> {
    op("normalize", [x], (), cpu::normalize, cuda::normalize, composed::normalize)
}
