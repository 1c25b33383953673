//! Layer normalisation with affine part: with eps as in BERT, and without.

mod composed;
mod cpu;
pub(super) mod cuda;
#[cfg(test)]
mod tests;

use candle_core::{Result, Tensor};

use super::op;
use super::op::check_vector;

/// `y = w ∘ (x − μ) / √(σ² + ε) + b` along the last dimension of x (…, d), with weight (d) and bias (d).
///
/// With `ȳ = dy ∘ w` and the normalised row `x̂` the backward pass is
/// ```text
/// dx = (ȳ − mean(ȳ) − x̂ · mean(ȳ ∘ x̂)) / √(σ² + ε)    dw = Σ_rows dy ∘ x̂    db = Σ_rows dy
/// ```
///
/// # Errors
/// If `weight` or `bias` does not have the width of `x`, or a dtype is not [supported](crate::ops).
pub fn layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f64) -> Result<Tensor> {
    apply("layer_norm", [x, weight, bias], Some(eps))
}

/// `y = w ∘ normalize(x) + b`, as `layer_norm` without eps: a row that does not vary gives the bias.
///
/// # Errors
/// If `weight` or `bias` does not have the width of `x`, or a dtype is not [supported](crate::ops).
pub fn normalize_affine(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    apply("normalize_affine", [x, weight, bias], None)
}

fn apply(name: &'static str, inputs: [&Tensor; 3], eps: Option<f64>) -> Result<Tensor> {
    let [x, weight, bias] = inputs;
    check_vector(name, x, "weight", weight)?;
    check_vector(name, x, "bias", bias)?;
    op(name, inputs, eps, cpu::layer_norm, cuda::layer_norm, composed::layer_norm)
}
