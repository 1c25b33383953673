//! Layer normalisation with affine part: with eps as in BERT, and without.

mod composed;
mod cpu;
pub(super) mod cuda;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};

use crate::tape::apply3;

use super::buffer::{Values, tensor};
use super::{Path, by_dtype, by_float, check_vector, path, slice};

/// `y = w ∘ (x − μ) / √(σ² + ε) + b` along the last dimension of x (…, d), with weight (d) and bias (d).
///
/// # Errors
/// If `weight` or `bias` does not have the width of `x`, or a dtype is not [supported](crate::ops).
pub fn layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f64) -> Result<Tensor> {
    apply("layer_norm", x, weight, bias, Some(eps))
}

/// `y = w ∘ normalize(x) + b`, as `layer_norm` without eps: a row that does not vary gives the bias.
///
/// # Errors
/// If `weight` or `bias` does not have the width of `x`, or a dtype is not [supported](crate::ops).
pub fn normalize_affine(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    apply("normalize_affine", x, weight, bias, None)
}

fn apply(op: &'static str, x: &Tensor, weight: &Tensor, bias: &Tensor, eps: Option<f64>) -> Result<Tensor> {
    check_vector(op, x, "weight", weight)?;
    check_vector(op, x, "bias", bias)?;
    match path(x) {
        Path::Cpu => (),
        Path::Kernels => return cuda::layer_norm(op, x, weight, bias, eps),
        Path::Composed => return composed::layer_norm(x, weight, bias, eps),
    }
    apply3(&x.contiguous()?, &weight.contiguous()?, &bias.contiguous()?, LayerNorm { op, eps })
}

struct LayerNorm {
    op: &'static str,
    eps: Option<f64>,
}

impl CustomOp3 for LayerNorm {
    fn name(&self) -> &'static str {
        self.op
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

    /// `dx = (ȳ − mean(ȳ) − x̂ · mean(ȳ ∘ x̂)) / √(σ² + ε)`, with `ȳ = dy ∘ w` and the normalised row `x̂`;
    /// `dw = Σ_rows dy ∘ x̂`, `db = Σ_rows dy`.
    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _b: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let dy = dy.contiguous()?;
        let (xs, ws, dys) = (Values::of(x), Values::of(w), Values::of(&dy));
        by_float!(self.name(), x.dtype(), T => {
            let [dx, dw, db] = cpu::backward::<T>(xs.slice()?, ws.slice()?, dys.slice()?, self.eps);
            Ok((Some(tensor(dx, x.shape())?), Some(tensor(dw, w.shape())?), Some(tensor(db, w.shape())?)))
        })
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
        let composed =
            |inputs: &[Tensor]| composed::layer_norm(&inputs[0], &inputs[1], &inputs[2], Some(1e-3));
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
    fn exact(inputs: &[Tensor]) -> Result<Tensor> {
        normalize_affine(&inputs[0], &inputs[1], &inputs[2])
    }

    #[test]
    fn normalize_affine_matches_composed() {
        let composed = |inputs: &[Tensor]| composed::layer_norm(&inputs[0], &inputs[1], &inputs[2], None);
        assert_matches(exact, composed, &inputs(7, 37));
    }

    #[test]
    fn normalize_affine_gradient_matches_finite_differences() {
        assert_gradients(exact, &inputs(3, 7));
    }

    #[test]
    fn normalize_affine_has_degree_zero_in_x_and_one_in_its_parameters() {
        assert_homogeneous(exact, &inputs(5, 64), &[0], 0);
        assert_homogeneous(exact, &inputs(5, 64), &[1, 2], 1);
    }

    #[test]
    fn a_constant_row_gives_the_bias_and_a_zero_gradient() {
        let [_, weight, bias] = inputs(1, 37);
        let x = Tensor::full(0.1, (1, 37), &candle_core::Device::Cpu).unwrap();
        let inputs = [x, weight, bias];
        assert_eq!(values(&exact(&inputs).unwrap()), values(&inputs[2]));
        assert!(values(&gradients(exact, &inputs).unwrap()[0]).iter().all(|&dx| dx == 0.));
    }
}
