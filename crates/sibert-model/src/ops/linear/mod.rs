//! A linear map, with or without a bias and a rectifier behind it.

mod composed;
mod cpu;
pub(super) mod cuda;
pub(super) mod gradients;
pub(super) mod rectifier;
#[cfg(test)]
mod tests;

use candle_core::{D, Result, Tensor, bail};

use super::op;

/// `y = x Wᵀ`, from x (…, in) and weight (out, in) to (…, out).
///
/// The backward pass is `dx = dy W`, `dW = dyᵀ x` and, with a bias, `db = Σ_rows dy`.
///
/// # Errors
/// If the last dimensions differ, or the dtypes do.
pub fn linear(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    check(x, weight, None)?;
    op("linear", [x, weight], (), cpu::linear, cuda::linear, composed::linear)
}

/// `y = x Wᵀ + b`, with bias (out).
///
/// # Errors
/// As [`linear`], or if the bias has not `out` elements.
pub fn linear_bias(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    check(x, weight, Some(bias))?;
    let inputs = [x, weight, bias];
    op("linear", inputs, Rectifier(false), cpu::linear_bias, cuda::linear_bias, composed::linear_bias)
}

/// `y = max(x Wᵀ + b, 0)`, with bias (out); of slope zero at zero.
///
/// # Errors
/// As [`linear_bias`].
pub fn linear_bias_relu(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    check(x, weight, Some(bias))?;
    let (inputs, relu) = ([x, weight, bias], Rectifier(true));
    op("linear_bias_relu", inputs, relu, cpu::linear_bias, cuda::linear_bias, composed::linear_bias)
}

/// Whether a rectifier follows.
#[derive(Clone, Copy)]
pub(super) struct Rectifier(bool);

pub(super) fn check(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<()> {
    let (out, width) = weight.dims2()?;
    if x.dim(D::Minus1)? != width {
        bail!("linear: input of shape {:?} does not fit weight of shape {:?}", x.dims(), weight.dims())
    }
    if let Some(bias) = bias.filter(|bias| bias.dims() != [out]) {
        bail!("linear: bias of shape {:?} does not fit weight of shape {:?}", bias.dims(), weight.dims())
    }
    Ok(())
}
