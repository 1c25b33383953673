//! The one way through an operation.

use candle_core::{D, DType, Result, Tensor, bail};

use crate::compute::kernels;
use crate::tape::{self, Backward};

/// Applies the operation `name` to `inputs`, the first of which is the one that decides how.
///
/// On a tape, and where nothing is kept for a backward pass, its kernels compute the result: `cuda` for f32 and bf16 where
/// kernels of CUDA C run, else `cpu` on the CPU. They take contiguous inputs and give the backward pass along with the
/// result. Anywhere else `composed` says the same in operations of candle, and joins its graph.
///
/// Shapes are checked before; `options` are what the operation takes beside tensors with gradients.
///
/// # Errors
/// Those of the operation; or if numbers on the CPU are neither f32 nor f64.
pub(super) fn op<const N: usize, O, C: Backward, G: Backward>(
    name: &'static str,
    inputs: [&Tensor; N],
    options: O,
    cpu: impl FnOnce([Tensor; N], O) -> Result<(Tensor, C)>,
    cuda: impl FnOnce([Tensor; N], O) -> Result<(Tensor, G)>,
    composed: impl FnOnce([&Tensor; N], O) -> Result<Tensor>,
) -> Result<Tensor> {
    let x = inputs[0];
    if runs_kernels(x) {
        tape::record(name, &inputs, || cuda(contiguous(inputs)?, options))
    } else if !x.device().is_cpu() {
        composed(inputs, options)
    } else if tape::joins_graph() {
        check_float(name, x)?;
        composed(inputs, options)
    } else {
        check_float(name, x)?;
        tape::record(name, &inputs, || cpu(contiguous(inputs)?, options))
    }
}

/// Applies an operation that has kernels on the CPU alone, and is made of others everywhere else: `others` applies them.
///
/// # Errors
/// As [`op`].
pub(super) fn op_of_others<const N: usize, C: Backward>(
    name: &'static str,
    inputs: [&Tensor; N],
    cpu: impl FnOnce([Tensor; N]) -> Result<(Tensor, C)>,
    others: impl FnOnce([&Tensor; N]) -> Result<Tensor>,
) -> Result<Tensor> {
    let x = inputs[0];
    if runs_kernels(x) || !x.device().is_cpu() || tape::joins_graph() {
        return others(inputs);
    }
    check_float(name, x)?;
    tape::record(name, &inputs, || cpu(contiguous(inputs)?))
}

/// Refuses numbers on the CPU that are neither f32 nor f64.
fn check_float(name: &str, x: &Tensor) -> Result<()> {
    match x.dtype() {
        DType::F32 | DType::F64 => Ok(()),
        dtype => bail!("{name}: dtype {} is not f32 or f64", dtype.as_str()),
    }
}

/// Whether kernels of CUDA C compute with `x`: they know tapes but not candle's graph.
pub(super) fn runs_kernels(x: &Tensor) -> bool {
    kernels(x) && !tape::joins_graph()
}

/// The same tensors, copied where they have gaps.
fn contiguous<const N: usize>(inputs: [&Tensor; N]) -> Result<[Tensor; N]> {
    let mut all = inputs.map(Tensor::clone);
    for x in all.iter_mut().filter(|x| !x.is_contiguous()) {
        *x = x.contiguous()?;
    }
    Ok(all)
}

/// Refuses a parameter that is not one vector along the last dimension of `x`.
pub(super) fn check_vector(op: &str, x: &Tensor, name: &str, vector: &Tensor) -> Result<()> {
    if vector.dims() != [x.dim(D::Minus1)?] {
        bail!("{op}: {name} of shape {:?} does not fit input of shape {:?}", vector.dims(), x.dims())
    }
    Ok(())
}

/// The last dimension, or one.
pub(super) fn width(x: &Tensor) -> usize {
    x.dims().last().copied().unwrap_or(1)
}
