//! The squared error, summed.

mod composed;
mod cpu;
pub(super) mod cuda;
#[cfg(test)]
mod tests;

use candle_core::{Result, Tensor, bail};

use super::op;
use super::op::runs_kernels;

/// `L = Σ (x − target)²`, from two tensors of one shape to a scalar; the target is a constant.
///
/// The squares are added in f64, in order. No elements give zero, with a zero gradient. By kernels for CUDA
/// the target may be f32 whatever `x` is, and the loss is. The backward pass is `dx = 2 dL (x − target)`.
///
/// # Errors
/// If the shapes or the dtypes differ, or the dtype is not [supported](crate::ops).
pub fn squared_error(x: &Tensor, target: &Tensor) -> Result<Tensor> {
    let dtype_fits = runs_kernels(x) || target.dtype() == x.dtype();
    if x.dims() != target.dims() || !dtype_fits {
        let of = |tensor: &Tensor| format!("{} {:?}", tensor.dtype().as_str(), tensor.dims());
        bail!("squared_error: expected a target of {}, found {}", of(x), of(target))
    }
    let target = target.detach();
    op("squared_error", [x], target, cpu::squared_error, cuda::squared_error, composed::squared_error)
}
