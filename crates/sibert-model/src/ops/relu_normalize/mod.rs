//! Attention weights of the scale-invariant encoder.

mod composed;
mod cpu;

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};

use crate::tape::apply2;

use super::{by_dtype, keep_like, slice, width};

/// `P = relu(S) ∘ keep / R` with the row sums `R = Σ_k relu(S) ∘ keep`; a row whose sum is zero gives zeros.
///
/// Scores are (batch, …, k), keep is (batch, k) of ones and zeros in any dtype. The result has degree zero in the
/// scores (Li et al. 2022, section 3: the block N inside ATTN).
///
/// # Errors
/// If the shapes do not fit, or the scores are neither f32 nor f64.
pub fn relu_normalize(scores: &Tensor, keep: &Tensor) -> Result<Tensor> {
    if !scores.device().is_cpu() {
        return composed::relu_normalize(scores, keep);
    }
    let keep = keep_like("relu_normalize", scores, &keep.detach())?;
    apply2(&scores.contiguous()?, &keep.contiguous()?, ReluNormalize)
}

struct ReluNormalize;

impl CustomOp2 for ReluNormalize {
    fn name(&self) -> &'static str {
        "relu_normalize"
    }

    fn cpu_fwd(
        &self,
        s: &CpuStorage,
        ls: &Layout,
        keep: &CpuStorage,
        lk: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let p = by_dtype!(self.name(), s, T => cpu::forward::<T>(slice(s, ls)?, slice(keep, lk)?, width(ls)));
        Ok((p, ls.shape().clone()))
    }

    fn bwd(
        &self,
        scores: &Tensor,
        keep: &Tensor,
        _p: &Tensor,
        dp: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((Some(scores.apply_op3_no_bwd(keep, &dp.contiguous()?, &ReluNormalizeBackward)?), None))
    }
}

/// `dS = [S > 0] ∘ keep ∘ (dP − Σ dP ∘ P) / R`.
struct ReluNormalizeBackward;

impl CustomOp3 for ReluNormalizeBackward {
    fn name(&self) -> &'static str {
        "relu_normalize-backward"
    }

    fn cpu_fwd(
        &self,
        s: &CpuStorage,
        ls: &Layout,
        keep: &CpuStorage,
        lk: &Layout,
        dp: &CpuStorage,
        ldp: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let ds = by_dtype!(self.name(), s, T => {
            cpu::backward::<T>(slice(s, ls)?, slice(keep, lk)?, slice(dp, ldp)?, width(ls))
        });
        Ok((ds, ls.shape().clone()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use crate::ops::test_support::*;

    fn keep() -> Tensor {
        let keep = [[1u8, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0], [0; 7]];
        Tensor::new(&keep, &Device::Cpu).unwrap()
    }

    fn apply(inputs: &[Tensor]) -> Result<Tensor> {
        relu_normalize(&inputs[0], &keep())
    }

    fn scores() -> [Tensor; 1] {
        [sample(&[3, 2, 4, 7], 1)]
    }

    #[test]
    fn relu_normalize_matches_composed() {
        assert_matches(apply, |inputs| composed::relu_normalize(&inputs[0], &keep()), &scores());
    }

    #[test]
    fn relu_normalize_gradient_matches_finite_differences() {
        assert_gradients(apply, &scores());
    }

    #[test]
    fn relu_normalize_has_degree_zero() {
        assert_homogeneous(apply, &scores(), &[0], 0);
    }

    #[test]
    fn keep_may_be_of_any_dtype() {
        let expected = values(&apply(&scores()).unwrap());
        for dtype in [DType::F32, DType::F64, DType::U32] {
            let keep = keep().to_dtype(dtype).unwrap();
            assert_eq!(values(&relu_normalize(&scores()[0], &keep).unwrap()), expected);
        }
    }

    #[test]
    fn rows_sum_to_one_over_the_kept_keys_or_are_zero() {
        let p = apply(&[scores()[0].abs().unwrap()]).unwrap();
        let sums = values(&p.sum(3).unwrap());
        assert!(sums[..16].iter().all(|sum| (sum - 1.).abs() < 1e-12), "{sums:?}");
        assert!(sums[16..].iter().all(|&sum| sum == 0.), "{sums:?}");
        assert_eq!(magnitude(&p.narrow(0, 1, 1).unwrap().narrow(3, 4, 3).unwrap()), f64::MIN_POSITIVE);
    }

    #[test]
    fn a_row_without_positive_scores_is_zero_with_a_zero_gradient() {
        let scores = [scores()[0].abs().unwrap().neg().unwrap()];
        assert!(values(&apply(&scores).unwrap()).iter().all(|&p| p == 0.));
        assert!(values(&gradients(apply, &scores).unwrap()[0]).iter().all(|&ds| ds == 0.));
    }

    #[test]
    fn relu_normalize_is_the_same_on_any_number_of_threads() {
        let keep = Tensor::ones((3, 130), DType::U8, &Device::Cpu).unwrap();
        let apply = |inputs: &[Tensor]| relu_normalize(&inputs[0], &keep);
        assert_same_on_any_number_of_threads(apply, &[sample(&[3, 2, 130, 130], 1)]);
    }

    #[test]
    fn relu_normalize_refuses_a_mask_of_another_length() {
        let error = relu_normalize(&sample(&[3, 2, 4, 6], 1), &keep()).unwrap_err().to_string();
        assert!(error.contains("keep of shape [3, 7] does not fit scores of shape [3, 2, 4, 6]"), "{error}");
    }
}
