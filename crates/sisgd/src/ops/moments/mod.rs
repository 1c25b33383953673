//! The running moments of Adam and LAMB.

mod cpu;

use super::{elements, unsupported};
use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, InplaceOp3, Layout, Result, Tensor, Var};

/// One step of both moments, stored as one tensor of shape `(2, n)`:
///
/// ```text
/// g' = scale·g + l2·x
/// m ← β1·m + weight·g'
/// v ← β2·v + (1 − β2)·g'²
/// ```
#[derive(Debug, Clone, Copy)]
pub(crate) struct Accumulate {
    pub beta1: f64,
    pub beta2: f64,
    /// What the gradient weighs in `m`: `1 − β1`, or 1 without gradient averaging.
    pub weight: f64,
    /// The clip factor.
    pub scale: f64,
    /// Weight decay that goes through the moments.
    pub l2: f64,
}

impl Accumulate {
    /// Updates the moments from a variable and its gradient.
    pub fn apply(&self, moments: &Tensor, g: &Tensor, x: &Var) -> Result<()> {
        if moments.device().is_cpu() { moments.inplace_op3(g, x, self) } else { self.composed(moments, g, x) }
    }

    /// The same of ordinary tensor operations.
    fn composed(&self, moments: &Tensor, g: &Tensor, x: &Tensor) -> Result<()> {
        let mut g = (g.flatten_all()? * self.scale)?;
        if self.l2 != 0. {
            g = (g + (x.flatten_all()? * self.l2)?)?;
        }
        let m = ((moments.get(0)? * self.beta1)? + (&g * self.weight)?)?;
        let v = ((moments.get(1)? * self.beta2)? + (g.sqr()? * (1. - self.beta2))?)?;
        moments.slice_set(&m.unsqueeze(0)?, 0, 0)?;
        moments.slice_set(&v.unsqueeze(0)?, 0, 1)
    }
}

impl InplaceOp3 for Accumulate {
    fn name(&self) -> &'static str {
        "moments"
    }

    fn cpu_fwd(
        &self,
        moments: &mut CpuStorage,
        moments_layout: &Layout,
        g: &CpuStorage,
        g_layout: &Layout,
        x: &CpuStorage,
        x_layout: &Layout,
    ) -> Result<()> {
        let range = elements(moments_layout, self.name())?;
        let (g_range, x_range) = (elements(g_layout, self.name())?, elements(x_layout, self.name())?);
        match (moments, g, x) {
            (CpuStorage::F32(moments), CpuStorage::F32(g), CpuStorage::F32(x)) => {
                cpu::accumulate(&mut moments[range], &g[g_range], &x[x_range], self);
                Ok(())
            }
            (CpuStorage::F64(moments), CpuStorage::F64(g), CpuStorage::F64(x)) => {
                cpu::accumulate(&mut moments[range], &g[g_range], &x[x_range], self);
                Ok(())
            }
            (moments, g, x) => unsupported(self.name(), &[moments.dtype(), g.dtype(), x.dtype()]),
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
    fn the_loops_agree_with_the_composed_moments() {
        for (dtype, tolerance) in [(DType::F32, 3e-7), (DType::F64, 1e-15)] {
            for (len, l2) in [(1, 0.), (999, 0.1), (16_385, 0.), (40_000, 0.01)] {
                let op = Accumulate { beta1: 0.9, beta2: 0.99, weight: 0.1, scale: 0.5, l2 };
                let start = noise(2 * len, 3, dtype).unwrap().reshape((2, len)).unwrap();
                let (fast, naive) = (start.copy().unwrap(), start.copy().unwrap());
                let x = Var::from_tensor(&noise(len, 1, dtype).unwrap()).unwrap();
                let g = noise(len, 2, dtype).unwrap();
                op.apply(&fast, &g, &x).unwrap();
                op.composed(&naive, &g, &x).unwrap();
                assert!(distance(&fast, &naive).unwrap() <= tolerance);
                assert!(distance(&fast, &start).unwrap() > 1e-3);
            }
        }
    }
}
