//! The Gaussian error linear unit.

mod composed;
mod cpu;
pub(super) mod cuda;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use crate::tape::apply1;

use super::buffer::{Values, tensor};
use super::row_sums::{map, map2};
use super::{Path, by_dtype, by_float, path, slice};

/// `y = x Φ(x)` with `Φ(x) = (1 + erf(x / √2)) / 2`, as in BERT.
///
/// # Errors
/// If the dtype is not [supported](crate::ops).
pub fn gelu(x: &Tensor) -> Result<Tensor> {
    match path(x) {
        Path::Cpu => (),
        Path::Kernels => return cuda::gelu(x),
        Path::Composed => return composed::gelu(x),
    }
    apply1(&x.contiguous()?, Gelu)
}

struct Gelu;

impl CustomOp1 for Gelu {
    fn name(&self) -> &'static str {
        "gelu"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let y = by_dtype!(self.name(), x, T => map::<T>(slice(x, layout)?, cpu::gelu));
        Ok((y, layout.shape().clone()))
    }

    /// `dx = dy · (Φ(x) + x φ(x))`.
    fn bwd(&self, x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let dy = dy.contiguous()?;
        let (xs, dys) = (Values::of(x), Values::of(&dy));
        by_float!(self.name(), x.dtype(), T => {
            let dx = map2::<T>(xs.slice()?, dys.slice()?, #[inline(always)] |x, dy| dy * cpu::slope(x));
            tensor(dx, x.shape()).map(Some)
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::ops::test_support::*;

    fn apply(inputs: &[Tensor]) -> Result<Tensor> {
        gelu(&inputs[0])
    }

    fn inputs() -> [Tensor; 1] {
        [(sample(&[3, 37], 1) * 6.).unwrap()]
    }

    #[test]
    fn gelu_matches_composed() {
        assert_matches(apply, |inputs| composed::gelu(&inputs[0]), &inputs());
    }

    #[test]
    fn gelu_gradient_matches_finite_differences() {
        assert_gradients(apply, &inputs());
    }
}
