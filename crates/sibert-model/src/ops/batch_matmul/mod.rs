//! Products of batches of matrices, as attention needs them.

mod composed;
mod cpu;

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};

use super::by_dtype;
use crate::tape::apply2;

/// `C = A B` for every matrix of the batch, from a (…, m, k) and b (…, k, n) with equal leading dimensions to (…, m, n).
///
/// On the CPU operands may have any strides, so views by `t()` or `transpose` are never copied.
///
/// # Errors
/// If the shapes do not fit, or a dtype is neither f32 nor f64.
pub fn batch_matmul(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let fits = match (a.dims(), b.dims()) {
        ([batch_a @ .., _, k_a], [batch_b @ .., k_b, _]) => batch_a == batch_b && k_a == k_b,
        _ => false,
    };
    if !fits {
        bail!("batch_matmul: {:?} by {:?} is not a product of batches of matrices", a.dims(), b.dims())
    }
    if !a.device().is_cpu() {
        return composed::batch_matmul(a, b);
    }
    apply2(a, b, BatchMatmul)
}

struct BatchMatmul;

impl CustomOp2 for BatchMatmul {
    fn name(&self) -> &'static str {
        "batch_matmul"
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        la: &Layout,
        b: &CpuStorage,
        lb: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let c = by_dtype!(self.name(), a, T => {
            cpu::product::<T>(&cpu::Matrices::new(a, la)?, &cpu::Matrices::new(b, lb)?)
        });
        let mut shape = la.dims().to_vec();
        shape[la.dims().len() - 1] = super::width(lb);
        Ok((c, Shape::from(shape)))
    }

    /// `dA = dC Bᵀ` and `dB = Aᵀ dC`.
    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        _c: &Tensor,
        dc: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let da = dc.apply_op2_no_bwd(&b.detach().t()?, self)?;
        let db = a.detach().t()?.apply_op2_no_bwd(dc, self)?;
        Ok((Some(da), Some(db)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::ops::test_support::*;

    fn apply(inputs: &[Tensor]) -> Result<Tensor> {
        batch_matmul(&inputs[0], &inputs[1])
    }

    fn composed(inputs: &[Tensor]) -> Result<Tensor> {
        composed::batch_matmul(&inputs[0], &inputs[1])
    }

    fn inputs() -> [Tensor; 2] {
        [sample(&[2, 3, 4, 5], 1), sample(&[2, 3, 5, 6], 2)]
    }

    #[test]
    fn batch_matmul_matches_composed() {
        assert_matches(apply, composed, &inputs());
        assert_matches(apply, composed, &[sample(&[3, 40, 33], 1), sample(&[3, 33, 50], 2)]);
    }

    #[test]
    fn batch_matmul_takes_views_of_heads_without_copies() {
        let scores = |f: fn(&[Tensor]) -> Result<Tensor>| {
            move |inputs: &[Tensor]| {
                let (q, k) = (inputs[0].transpose(1, 2)?, inputs[1].transpose(1, 2)?);
                f(&[q, k.t()?])
            }
        };
        let inputs = [sample(&[2, 7, 3, 5], 1), sample(&[2, 9, 3, 5], 2)]; // (batch, seq, heads, dim)
        assert_matches(scores(apply), scores(composed), &inputs);
    }

    #[test]
    fn batch_matmul_takes_broadcast_operands() {
        let inputs = [sample(&[1, 4, 5], 1).broadcast_as((3, 4, 5)).unwrap(), sample(&[3, 5, 6], 2)];
        assert_close(&apply(&inputs).unwrap(), &composed(&inputs).unwrap(), 1e-14);
    }

    #[test]
    fn batch_matmul_gradient_matches_finite_differences() {
        assert_gradients(apply, &inputs());
    }

    #[test]
    fn batch_matmul_adds_the_degrees_of_its_arguments() {
        assert_homogeneous(apply, &inputs(), &[0, 1], 2);
    }

    #[test]
    fn batch_matmul_is_the_same_on_any_number_of_threads() {
        assert_same_on_any_number_of_threads(apply, &[sample(&[5, 130, 64], 1), sample(&[5, 64, 130], 2)]);
    }

    #[test]
    fn empty_products_are_zero() {
        let c = batch_matmul(&sample(&[2, 3, 0], 1), &sample(&[2, 0, 4], 2)).unwrap();
        assert_eq!(c.to_vec3::<f64>().unwrap(), [[[0.; 4]; 3]; 2]);
        assert_eq!(batch_matmul(&sample(&[2, 0, 5], 1), &sample(&[2, 5, 4], 2)).unwrap().dims(), [2, 0, 4]);
    }

    #[test]
    fn batch_matmul_refuses_shapes_that_do_not_fit() {
        let error = batch_matmul(&sample(&[2, 3, 5], 1), &sample(&[1, 5, 4], 2)).unwrap_err().to_string();
        assert!(error.contains("[2, 3, 5] by [1, 5, 4] is not a product of batches of matrices"), "{error}");
    }
}
