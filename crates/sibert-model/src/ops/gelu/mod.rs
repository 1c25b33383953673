//! The Gaussian error linear unit.

mod composed;
mod cpu;

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};

use super::row_sums::{map, map2};
use crate::tape::apply1;

use super::{by_dtype, slice};

/// `y = x Φ(x)` with `Φ(x) = (1 + erf(x / √2)) / 2`, as in BERT.
///
/// # Errors
/// If the dtype is neither f32 nor f64.
pub fn gelu(x: &Tensor) -> Result<Tensor> {
    if !x.device().is_cpu() {
        return composed::gelu(x);
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

    fn bwd(&self, x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        x.apply_op2_no_bwd(&dy.contiguous()?, &GeluBackward).map(Some)
    }
}

/// `dx = dy · (Φ(x) + x φ(x))`.
struct GeluBackward;

impl CustomOp2 for GeluBackward {
    fn name(&self) -> &'static str {
        "gelu-backward"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        dy: &CpuStorage,
        ldy: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let dx = by_dtype!(self.name(), x, T => {
            map2::<T>(slice(x, lx)?, slice(dy, ldy)?, |x, dy| dy * cpu::slope(x))
        });
        Ok((dx, lx.shape().clone()))
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
