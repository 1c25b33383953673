//! Layer normalisation without affine part and without eps.

mod composed;
pub(super) mod cpu;

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};

use crate::tape::apply1;

use super::{by_dtype, slice, width};

/// `y = (x − μ) / σ` along the last dimension of x (…, d); a row that does not vary gives zeros.
///
/// No eps is added to the variance, so `normalize(s·x) = normalize(x)` for every `s > 0` (Li et al. 2022, section 3:
/// the block N, of degree zero). Mean and variance are accumulated in f64, whose range no square of an f32 leaves.
///
/// # Errors
/// If `x` is a scalar, or neither f32 nor f64.
pub fn normalize(x: &Tensor) -> Result<Tensor> {
    if !x.device().is_cpu() {
        return composed::normalize(x);
    }
    apply1(&x.contiguous()?, Normalize)
}

struct Normalize;

impl CustomOp1 for Normalize {
    fn name(&self) -> &'static str {
        "normalize"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let y = by_dtype!(self.name(), x, T => cpu::forward::<T>(slice(x, layout)?, width(layout)));
        Ok((y, layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        x.apply_op2_no_bwd(&dy.contiguous()?, &NormalizeBackward).map(Some)
    }
}

/// `dx = (dy − mean(dy) − y · mean(dy ∘ y)) / σ`, zero for a row that does not vary.
struct NormalizeBackward;

impl CustomOp2 for NormalizeBackward {
    fn name(&self) -> &'static str {
        "normalize-backward"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        dy: &CpuStorage,
        ldy: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let dx =
            by_dtype!(self.name(), x, T => cpu::backward::<T>(slice(x, lx)?, slice(dy, ldy)?, width(lx)));
        Ok((dx, lx.shape().clone()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use crate::ops::test_support::*;

    fn apply(inputs: &[Tensor]) -> Result<Tensor> {
        normalize(&inputs[0])
    }

    #[test]
    fn normalize_matches_composed() {
        assert_matches(apply, |inputs| composed::normalize(&inputs[0]), &[sample(&[2, 3, 37], 1)]);
    }

    #[test]
    fn normalize_gradient_matches_finite_differences() {
        assert_gradients(apply, &[sample(&[3, 7], 1)]);
    }

    #[test]
    fn normalize_has_degree_zero() {
        assert_homogeneous(apply, &[sample(&[5, 64], 1)], &[0], 0);
    }

    #[test]
    fn normalize_is_scale_invariant_over_24_decades() {
        let x = sample(&[5, 64], 1).to_dtype(DType::F32).unwrap();
        for scale in [1e-12, 1e-6, 1e6, 1e12] {
            assert_close(&normalize(&(&x * scale).unwrap()).unwrap(), &normalize(&x).unwrap(), 2e-6);
        }
    }

    #[test]
    fn a_constant_row_gives_zeros_and_a_zero_gradient() {
        for constant in [0., 0.1, -3e7] {
            let x = Tensor::full(constant, (2, 37), &Device::Cpu).unwrap();
            for oracle in [normalize, composed::normalize] {
                let apply = |inputs: &[Tensor]| oracle(&inputs[0]);
                assert!(values(&oracle(&x).unwrap()).iter().all(|&y| y == 0.));
                let gradients = gradients(apply, std::slice::from_ref(&x)).unwrap();
                assert!(values(&gradients[0]).iter().all(|&dx| dx == 0.));
            }
        }
    }

    #[test]
    fn normalize_is_the_same_on_any_number_of_threads() {
        assert_same_on_any_number_of_threads(apply, &[sample(&[300, 130], 1)]);
    }

    #[test]
    fn normalize_refuses_integers() {
        let x = Tensor::zeros((2, 3), DType::U32, &Device::Cpu).unwrap();
        let error = normalize(&x).unwrap_err().to_string();
        assert!(error.contains("normalize: dtype u32 is not f32 or f64"), "{error}");
    }
}
