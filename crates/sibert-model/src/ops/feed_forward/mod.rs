//! The feed-forward block: two linear maps around a rectifier.

mod cpu;
#[cfg(test)]
mod tests;

use candle_core::{Result, Tensor, bail};

use super::op::op_of_others;
use super::{linear, linear_bias_relu};

/// `y = h W₂ᵀ` with `h = max(x W₁ᵀ + b, 0)`, from x (…, in), W₁ (wide, in), b (wide) and W₂ (out, wide) to (…, out).
///
/// The backward pass is `dh = (dy W₂) ∘ [h > 0]`, `dW₂ = dyᵀ h`, `db = Σ_rows dh`, `dW₁ = dhᵀ x` and `dx = dh W₁`.
///
/// The same as [`linear_bias_relu`] and [`linear`] one after the other. But h and dh, the largest matrices of an encoder, are
/// read by products alone: on the CPU they are kept as the products of the precision read them, in bf16 half as large, and dh is
/// masked before it is stored; db is the sum of dh as it is kept.
///
/// # Errors
/// As those of the two.
pub fn feed_forward(x: &Tensor, weight: &Tensor, bias: &Tensor, output: &Tensor) -> Result<Tensor> {
    super::linear::check(x, weight, Some(bias))?;
    let ((wide, _), (_, read)) = (weight.dims2()?, output.dims2()?);
    if wide != read {
        bail!(
            "feed_forward: weights of shape {:?} and {:?} do not follow each other",
            weight.dims(),
            output.dims()
        )
    }
    op_of_others("feed_forward", [x, weight, bias, output], cpu::feed_forward, |[x, weight, bias, output]| {
        linear(&linear_bias_relu(x, weight, bias)?, output)
    })
}
