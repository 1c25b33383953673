//! The update of gradient descent.

mod cpu;

use super::{elements, unsupported};
use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, InplaceOp2, Layout, Result, Tensor, Var};

/// `x ← (1 − decay)·x − rate·g`, in place.
pub(crate) fn scaled_add(x: &Var, g: &Tensor, decay: f64, rate: f64) -> Result<()> {
    let op = ScaledAdd { decay, rate };
    if x.device().is_cpu() { x.inplace_op2(g, &op) } else { op.composed(x, g) }
}

struct ScaledAdd {
    decay: f64,
    rate: f64,
}

impl ScaledAdd {
    /// The same of ordinary tensor operations; what is subtracted is formed first, so that `1 − decay` is never rounded.
    fn composed(&self, x: &Var, g: &Tensor) -> Result<()> {
        let change = ((x.as_tensor() * self.decay)? + (g * self.rate)?)?;
        x.set(&(x.as_tensor() - change)?)
    }
}

impl InplaceOp2 for ScaledAdd {
    fn name(&self) -> &'static str {
        "scaled_add"
    }

    fn cpu_fwd(
        &self,
        x: &mut CpuStorage,
        x_layout: &Layout,
        g: &CpuStorage,
        g_layout: &Layout,
    ) -> Result<()> {
        let (x_range, g_range) = (elements(x_layout, self.name())?, elements(g_layout, self.name())?);
        match (x, g) {
            (CpuStorage::F32(x), CpuStorage::F32(g)) => {
                cpu::scaled_add(&mut x[x_range], &g[g_range], self.decay, self.rate);
                Ok(())
            }
            (CpuStorage::F64(x), CpuStorage::F64(g)) => {
                cpu::scaled_add(&mut x[x_range], &g[g_range], self.decay, self.rate);
                Ok(())
            }
            (x, g) => unsupported(self.name(), &[x.dtype(), g.dtype()]),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::ops::testing::{distance, noise};
    use candle_core::DType;

    #[test]
    fn the_loops_agree_with_the_composed_update() {
        for (dtype, tolerance) in [(DType::F32, 2e-7), (DType::F64, 1e-15)] {
            for len in [1, 1000, 16_384, 40_000] {
                let (x, g) = (noise(len, 1, dtype).unwrap(), noise(len, 2, dtype).unwrap());
                let (fast, naive) = (Var::from_tensor(&x).unwrap(), Var::from_tensor(&x).unwrap());
                scaled_add(&fast, &g, 1e-3, 0.1).unwrap();
                ScaledAdd { decay: 1e-3, rate: 0.1 }.composed(&naive, &g).unwrap();
                assert!(distance(&fast, &naive).unwrap() <= tolerance);
                assert!(distance(&fast, &x).unwrap() > 1e-6);
            }
        }
    }

    #[test]
    fn a_decay_far_below_the_precision_of_f32_factors_is_applied_in_full() {
        // 1 − 2e-7 is 1 − 1.79e-7 in f32: the factor alone would lose a tenth of the decay.
        let x = Var::from_tensor(&noise(100_000, 1, DType::F32).unwrap()).unwrap();
        let before = super::super::dots::dots(&x, &x).unwrap().xx;
        for _ in 0..100 {
            scaled_add(&x, &x.zeros_like().unwrap(), 2e-7, 0.).unwrap();
        }
        let shrunk = 1. - (super::super::dots::dots(&x, &x).unwrap().xx / before).sqrt();
        assert!((shrunk / 2e-5 - 1.).abs() < 0.02, "shrunk by {shrunk}, expected 2e-5");
    }
}
