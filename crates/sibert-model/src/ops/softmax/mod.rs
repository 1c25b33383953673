//! Attention weights of the BERT baseline.

mod composed;
mod cpu;

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use crate::tape::apply2;

use super::{by_dtype, keep_like, slice, width};

/// `P = exp(S) ∘ keep / Σ_k exp(S) ∘ keep`; a row whose keys are all masked gives zeros.
///
/// Scores are (batch, …, k), keep is (batch, k) of ones and zeros in any dtype.
///
/// # Errors
/// If the shapes do not fit, or the scores are neither f32 nor f64.
pub fn softmax(scores: &Tensor, keep: &Tensor) -> Result<Tensor> {
    if !scores.device().is_cpu() {
        return composed::softmax(scores, keep);
    }
    let keep = keep_like("softmax", scores, &keep.detach())?;
    apply2(&scores.contiguous()?, &keep.contiguous()?, Softmax)
}

struct Softmax;

impl CustomOp2 for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
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
        _scores: &Tensor,
        _keep: &Tensor,
        p: &Tensor,
        dp: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((Some(p.apply_op2_no_bwd(&dp.contiguous()?, &SoftmaxBackward)?), None))
    }
}

/// `dS = P ∘ (dP − Σ dP ∘ P)`; masked keys have `P = 0`, so the mask is not needed again.
struct SoftmaxBackward;

impl CustomOp2 for SoftmaxBackward {
    fn name(&self) -> &'static str {
        "softmax-backward"
    }

    fn cpu_fwd(
        &self,
        p: &CpuStorage,
        lp: &Layout,
        dp: &CpuStorage,
        ldp: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let ds =
            by_dtype!(self.name(), p, T => cpu::backward::<T>(slice(p, lp)?, slice(dp, ldp)?, width(lp)));
        Ok((ds, lp.shape().clone()))
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
        softmax(&inputs[0], &keep())
    }

    fn scores() -> [Tensor; 1] {
        [(sample(&[3, 2, 4, 7], 1) * 5.).unwrap()]
    }

    #[test]
    fn softmax_matches_composed() {
        assert_matches(apply, |inputs| composed::softmax(&inputs[0], &keep()), &scores());
    }

    #[test]
    fn softmax_gradient_matches_finite_differences() {
        assert_gradients(apply, &scores());
    }

    #[test]
    fn masked_keys_have_no_weight_and_a_masked_row_is_zero() {
        let p = apply(&scores()).unwrap();
        let sums = values(&p.sum(3).unwrap());
        assert!(sums[..16].iter().all(|sum| (sum - 1.).abs() < 1e-12), "{sums:?}");
        assert!(sums[16..].iter().all(|&sum| sum == 0.), "{sums:?}");
        assert_eq!(magnitude(&p.narrow(0, 1, 1).unwrap().narrow(3, 4, 3).unwrap()), f64::MIN_POSITIVE);
    }

    #[test]
    fn a_large_masked_score_does_not_make_the_others_underflow() {
        let scores = Tensor::new(&[[1f32, 2., 5000.]], &Device::Cpu).unwrap();
        let keep = Tensor::new(&[[1u8, 1, 0]], &Device::Cpu).unwrap();
        let expected = Tensor::new(&[[0.268_941_43f32, 0.731_058_6, 0.]], &Device::Cpu).unwrap();
        assert_close(&softmax(&scores, &keep).unwrap(), &expected, 1e-6);
    }

    #[test]
    fn softmax_is_the_same_on_any_number_of_threads() {
        let keep = Tensor::ones((3, 130), DType::U8, &Device::Cpu).unwrap();
        let apply = |inputs: &[Tensor]| softmax(&inputs[0], &keep);
        assert_same_on_any_number_of_threads(apply, &[sample(&[3, 2, 130, 130], 1)]);
    }
}
