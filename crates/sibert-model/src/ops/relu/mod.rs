//! The rectifier.

mod composed;
pub(super) mod cuda;

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};

use super::real::Real;
use super::row_sums::{map, map2};
use crate::tape::apply1;

use super::{Path, by_dtype, path, slice};

/// `y = max(x, 0)`, of slope zero at zero.
///
/// # Errors
/// If the dtype is not [supported](crate::ops).
pub fn relu(x: &Tensor) -> Result<Tensor> {
    match path(x) {
        Path::Cpu => (),
        Path::Kernels => return cuda::relu(x),
        Path::Composed => return composed::relu(x),
    }
    apply1(&x.contiguous()?, Relu)
}

struct Relu;

impl CustomOp1 for Relu {
    fn name(&self) -> &'static str {
        "relu"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let y = by_dtype!(self.name(), x, T => map::<T>(slice(x, layout)?, rectify));
        Ok((y, layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        x.apply_op2_no_bwd(&dy.contiguous()?, &ReluBackward).map(Some)
    }
}

/// Not `max`, which would turn NaN into zero and hide it.
#[inline]
fn rectify<T: Real>(x: T) -> T {
    if x < T::zero() { T::zero() } else { x }
}

/// `dx = dy · [x > 0]`.
struct ReluBackward;

impl CustomOp2 for ReluBackward {
    fn name(&self) -> &'static str {
        "relu-backward"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        dy: &CpuStorage,
        ldy: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let dx = by_dtype!(self.name(), x, T => {
            map2::<T>(slice(x, lx)?, slice(dy, ldy)?, |x, dy| if x > 0. { dy } else { 0. })
        });
        Ok((dx, lx.shape().clone()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::ops::test_support::*;

    fn apply(inputs: &[Tensor]) -> Result<Tensor> {
        relu(&inputs[0])
    }

    #[test]
    fn relu_matches_composed() {
        assert_matches(apply, |inputs| composed::relu(&inputs[0]), &[sample(&[3, 37], 1)]);
    }

    #[test]
    fn relu_gradient_matches_finite_differences() {
        assert_gradients(apply, &[sample(&[3, 7], 1)]);
    }

    #[test]
    fn relu_has_degree_one() {
        assert_homogeneous(apply, &[sample(&[3, 37], 1)], &[0], 1);
    }

    #[test]
    fn relu_has_slope_zero_at_zero_and_keeps_nan() {
        let x = Tensor::new(&[0f64, -1., 1., f64::NAN], &Device::Cpu).unwrap();
        assert!(values(&relu(&x).unwrap())[3].is_nan());
        let gradients = gradients(apply, &[x.narrow(0, 0, 2).unwrap()]).unwrap();
        assert_eq!(values(&gradients[0]), [0., 0.]);
    }
}
