//! Layer normalisation with affine part, as in BERT.

mod composed;
mod cpu;

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};

use crate::tape::apply3;

use super::{add_bias::bias_gradient, by_dtype, check_vector, slice, width};

/// `y = w ∘ (x − μ) / √(σ² + ε) + b` along the last dimension of x (…, d), with weight (d) and bias (d).
///
/// # Errors
/// If `weight` or `bias` does not have the width of `x`, or a dtype is neither f32 nor f64.
pub fn layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f64) -> Result<Tensor> {
    check_vector("layer_norm", x, "weight", weight)?;
    check_vector("layer_norm", x, "bias", bias)?;
    if !x.device().is_cpu() {
        return composed::layer_norm(x, weight, bias, eps);
    }
    apply3(&x.contiguous()?, &weight.contiguous()?, &bias.contiguous()?, LayerNorm { eps })
}

struct LayerNorm {
    eps: f64,
}

impl CustomOp3 for LayerNorm {
    fn name(&self) -> &'static str {
        "layer_norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        w: &CpuStorage,
        lw: &Layout,
        b: &CpuStorage,
        lb: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let y = by_dtype!(self.name(), x, T => {
            cpu::forward::<T>(slice(x, lx)?, slice(w, lw)?, slice(b, lb)?, self.eps)
        });
        Ok((y, lx.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _b: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let dy = dy.contiguous()?;
        let dx = x.apply_op3_no_bwd(w, &dy, &LayerNormBackward { eps: self.eps })?;
        let dw = x.apply_op2_no_bwd(&dy, &WeightGradient { eps: self.eps })?;
        Ok((Some(dx), Some(dw), Some(bias_gradient(&dy)?)))
    }
}

/// `dx = (ȳ − mean(ȳ) − x̂ · mean(ȳ ∘ x̂)) / √(σ² + ε)`, with `ȳ = dy ∘ w` and the normalised row `x̂`.
struct LayerNormBackward {
    eps: f64,
}

impl CustomOp3 for LayerNormBackward {
    fn name(&self) -> &'static str {
        "layer_norm-backward"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        w: &CpuStorage,
        lw: &Layout,
        dy: &CpuStorage,
        ldy: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let dx = by_dtype!(self.name(), x, T => {
            cpu::backward::<T>(slice(x, lx)?, slice(w, lw)?, slice(dy, ldy)?, self.eps)
        });
        Ok((dx, lx.shape().clone()))
    }
}

/// `dw = Σ_rows dy ∘ x̂`.
struct WeightGradient {
    eps: f64,
}

impl CustomOp2 for WeightGradient {
    fn name(&self) -> &'static str {
        "layer_norm-weight-gradient"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        dy: &CpuStorage,
        ldy: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let width = width(lx);
        let dw = by_dtype!(self.name(), x, T => {
            cpu::weight_gradient::<T>(slice(x, lx)?, slice(dy, ldy)?, width, self.eps)
        });
        Ok((dw, Shape::from(width)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::ops::test_support::*;

    fn apply(inputs: &[Tensor]) -> Result<Tensor> {
        layer_norm(&inputs[0], &inputs[1], &inputs[2], 1e-3)
    }

    fn inputs(rows: usize, width: usize) -> [Tensor; 3] {
        [sample(&[rows, width], 1), sample(&[width], 2), sample(&[width], 3)]
    }

    #[test]
    fn layer_norm_matches_composed() {
        let composed = |inputs: &[Tensor]| composed::layer_norm(&inputs[0], &inputs[1], &inputs[2], 1e-3);
        assert_matches(apply, composed, &inputs(7, 37));
    }

    #[test]
    fn layer_norm_gradient_matches_finite_differences() {
        assert_gradients(apply, &inputs(3, 7));
    }

    #[test]
    fn layer_norm_is_the_same_on_any_number_of_threads() {
        assert_same_on_any_number_of_threads(apply, &inputs(300, 130));
    }

    #[test]
    fn layer_norm_refuses_a_weight_of_another_width() {
        let [x, _, bias] = inputs(3, 7);
        let error = layer_norm(&x, &sample(&[6], 2), &bias, 1e-3).unwrap_err().to_string();
        assert!(error.contains("weight of shape [6] does not fit input of shape [3, 7]"), "{error}");
    }
}
