//! The squared error, summed.

pub(super) mod cuda;

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};

use crate::tape::apply2;

use super::buffer::{Values, tensor};
use super::real::Real;
use super::row_sums::map2;
use super::{Path, by_dtype, by_float, path, slice};

/// `L = Σ (x − target)²`, from two tensors of one shape to a scalar; the target is a constant.
///
/// The squares are added in f64, in order. No elements give zero, with a zero gradient. By kernels for CUDA
/// the target may be f32 whatever `x` is, and the loss is.
///
/// # Errors
/// If the shapes or the dtypes differ, or the dtype is not [supported](crate::ops).
pub fn squared_error(x: &Tensor, target: &Tensor) -> Result<Tensor> {
    let path = path(x);
    let dtype_fits = matches!(path, Path::Kernels) || target.dtype() == x.dtype();
    if x.dims() != target.dims() || !dtype_fits {
        let of = |tensor: &Tensor| format!("{} {:?}", tensor.dtype().as_str(), tensor.dims());
        bail!("squared_error: expected a target of {}, found {}", of(x), of(target))
    }
    match path {
        Path::Cpu => (),
        Path::Kernels => return cuda::squared_error(x, target),
        Path::Composed => return composed(x, target),
    }
    apply2(&x.contiguous()?, &target.contiguous()?, SquaredError)
}

/// The same in candle's operations.
fn composed(x: &Tensor, target: &Tensor) -> Result<Tensor> {
    (x - target.detach())?.sqr()?.sum_all()
}

struct SquaredError;

impl CustomOp2 for SquaredError {
    fn name(&self) -> &'static str {
        "squared_error"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        target: &CpuStorage,
        lt: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let loss = by_dtype!(self.name(), x, T => {
            let pairs = slice::<T>(x, lx)?.iter().zip(slice::<T>(target, lt)?);
            vec![T::narrow(pairs.map(|(x, target)| (x.wide() - target.wide()).powi(2)).sum())]
        });
        Ok((loss, Shape::from(())))
    }

    /// `dx = 2 dL (x − target)`.
    fn bwd(
        &self,
        x: &Tensor,
        target: &Tensor,
        _loss: &Tensor,
        dloss: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let dx = by_float!(self.name(), x.dtype(), T => {
            let (xs, targets) = (Values::of(x), Values::of(target));
            let twice = dloss.to_scalar::<T>()? + dloss.to_scalar::<T>()?;
            tensor(map2(xs.slice::<T>()?, targets.slice::<T>()?, |x, target| twice * (x - target)), x.shape())?
        });
        Ok((Some(dx), None))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::DType;

    use super::*;
    use crate::ops::test_support::*;

    fn target(like: &Tensor) -> Tensor {
        (sample(like.dims(), 2) * 5.).unwrap().to_dtype(like.dtype()).unwrap()
    }

    fn apply(inputs: &[Tensor]) -> Result<Tensor> {
        squared_error(&inputs[0], &target(&inputs[0]))
    }

    #[test]
    fn squared_error_matches_composed_and_finite_differences() {
        let composed = |inputs: &[Tensor]| composed(&inputs[0], &target(&inputs[0]));
        assert_matches(apply, composed, &[sample(&[37, 1], 1)]);
        assert_gradients(apply, &[sample(&[7, 1], 1)]);
    }

    #[test]
    fn no_elements_give_zero() {
        assert_eq!(values(&apply(&[sample(&[0, 1], 1)]).unwrap()), [0.]);
    }

    #[test]
    fn a_target_of_another_form_is_refused() {
        let x = sample(&[3, 1], 1);
        let message = |target: Tensor| squared_error(&x, &target).unwrap_err().to_string();
        let expected = "squared_error: expected a target of f64 [3, 1], found ";
        assert!(message(sample(&[3], 2)).contains(&format!("{expected}f64 [3]")));
        assert!(message(target(&x).to_dtype(DType::F32).unwrap()).contains(&format!("{expected}f32 [3, 1]")));
    }
}
