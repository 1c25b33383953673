//! The hyperbolic tangent.

pub(super) mod cuda;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::buffer::{Values, tensor};
use super::real::Real;
use super::row_sums::{map, map2};
use super::{Path, by_dtype, by_float, path, slice};
use crate::tape::apply1;

/// `y = tanh(x)`.
///
/// # Errors
/// If the dtype is not [supported](crate::ops).
pub fn tanh(x: &Tensor) -> Result<Tensor> {
    match path(x) {
        Path::Cpu => (),
        Path::Kernels => return cuda::tanh(x),
        Path::Composed => return x.tanh(),
    }
    apply1(&x.contiguous()?, Tanh)
}

struct Tanh;

impl CustomOp1 for Tanh {
    fn name(&self) -> &'static str {
        "tanh"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let y = by_dtype!("tanh", x, T => map::<T>(slice(x, layout)?, |x| T::narrow(x.wide().tanh())));
        Ok((y, layout.shape().clone()))
    }

    /// `dx = dy · (1 − y²)`.
    fn bwd(&self, _x: &Tensor, y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let dy = dy.contiguous()?;
        by_float!("tanh", y.dtype(), T => {
            let (ys, dys) = (Values::of(y), Values::of(&dy));
            let dx = map2(ys.slice::<T>()?, dys.slice::<T>()?, |y, dy| dy - dy * y * y);
            tensor(dx, y.shape()).map(Some)
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::ops::test_support::*;

    fn apply(inputs: &[Tensor]) -> Result<Tensor> {
        tanh(&inputs[0])
    }

    #[test]
    fn tanh_matches_candle_and_finite_differences() {
        assert_matches(apply, |inputs| inputs[0].tanh(), &[sample(&[3, 37], 1)]);
        assert_gradients(apply, &[sample(&[3, 7], 1)]);
    }
}
