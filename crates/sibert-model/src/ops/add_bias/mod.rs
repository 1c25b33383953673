//! Adding a bias to every row.

mod composed;
mod cpu;
mod cuda;

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};

use crate::tape::apply2;

use super::{Path, by_dtype, check_vector, path, slice, width};

/// `y = x + b`, for x (…, n) and bias (n).
///
/// # Errors
/// If `bias` does not have the width of `x`, or a dtype is not [supported](crate::ops).
pub fn add_bias(x: &Tensor, bias: &Tensor) -> Result<Tensor> {
    check_vector("add_bias", x, "bias", bias)?;
    match path(x) {
        Path::Cpu => (),
        Path::Kernels => return cuda::add_bias(x, bias),
        Path::Composed => return composed::add_bias(x, bias),
    }
    apply2(&x.contiguous()?, &bias.contiguous()?, AddBias)
}

/// `db = Σ_rows dy`, for a contiguous gradient on the CPU.
pub(super) fn bias_gradient(dy: &Tensor) -> Result<Tensor> {
    dy.apply_op1_no_bwd(&BiasGradient)
}

struct AddBias;

impl CustomOp2 for AddBias {
    fn name(&self) -> &'static str {
        "add_bias"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        b: &CpuStorage,
        lb: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let y = by_dtype!(self.name(), x, T => cpu::forward::<T>(slice(x, lx)?, slice(b, lb)?));
        Ok((y, lx.shape().clone()))
    }

    fn bwd(
        &self,
        _x: &Tensor,
        _b: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let dy = dy.contiguous()?;
        Ok((Some(dy.clone()), Some(bias_gradient(&dy)?)))
    }
}

struct BiasGradient;

impl CustomOp1 for BiasGradient {
    fn name(&self) -> &'static str {
        "bias-gradient"
    }

    fn cpu_fwd(&self, dy: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let width = width(layout);
        let db = by_dtype!(self.name(), dy, T => cpu::bias_gradient::<T>(slice(dy, layout)?, width));
        Ok((db, Shape::from(width)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::ops::test_support::*;

    fn apply(inputs: &[Tensor]) -> Result<Tensor> {
        add_bias(&inputs[0], &inputs[1])
    }

    #[test]
    fn add_bias_matches_composed() {
        let inputs = [sample(&[2, 3, 37], 1), sample(&[37], 2)];
        assert_matches(apply, |inputs| composed::add_bias(&inputs[0], &inputs[1]), &inputs);
    }

    #[test]
    fn add_bias_gradient_matches_finite_differences() {
        assert_gradients(apply, &[sample(&[3, 7], 1), sample(&[7], 2)]);
    }

    #[test]
    fn add_bias_has_degree_one() {
        assert_homogeneous(apply, &[sample(&[3, 37], 1), sample(&[37], 2)], &[0, 1], 1);
    }

    #[test]
    fn add_bias_is_the_same_on_any_number_of_threads() {
        assert_same_on_any_number_of_threads(apply, &[sample(&[1000, 130], 1), sample(&[130], 2)]);
    }

    #[test]
    fn add_bias_refuses_a_bias_of_another_width() {
        let error = add_bias(&sample(&[3, 7], 1), &sample(&[1], 2)).unwrap_err().to_string();
        assert!(error.contains("add_bias: bias of shape [1] does not fit input of shape [3, 7]"), "{error}");
    }
}
