//! The cross-entropy of labels that each hold or do not, summed.

mod composed;
mod cpu;
pub(super) mod cuda;
#[cfg(test)]
mod tests;

use candle_core::{Result, Tensor, bail};

use super::op;
use super::op::runs_kernels;

/// `L = Σ (log(1 + eˣ) − target · x)`, from logits and targets from 0 to 1 of one shape to a scalar; the target is a constant.
///
/// The terms are added in f64, in order. No elements give zero, with a zero gradient. By kernels for CUDA
/// the target may be f32 whatever `x` is, and the loss is. The backward pass is `dx = dL (1 / (1 + e⁻ˣ) − target)`.
///
/// # Errors
/// If the shapes or the dtypes differ, or the dtype is not [supported](crate::ops).
pub fn binary_cross_entropy(x: &Tensor, target: &Tensor) -> Result<Tensor> {
    let dtype_fits = runs_kernels(x) || target.dtype() == x.dtype();
    if x.dims() != target.dims() || !dtype_fits {
        let of = |tensor: &Tensor| format!("{} {:?}", tensor.dtype().as_str(), tensor.dims());
        bail!("binary_cross_entropy: expected a target of {}, found {}", of(x), of(target))
    }
    let (name, target) = ("binary_cross_entropy", target.detach());
    op(
        name,
        [x],
        target,
        cpu::binary_cross_entropy,
        cuda::binary_cross_entropy,
        composed::binary_cross_entropy,
    )
}
