//! The direction of Adam and LAMB, from their moments.

mod cpu;

use super::{elements, scalar, unsupported, wide_dtype};
use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, InplaceOp2, Layout, Result, Storage, Tensor, Var};

/// `u = m̂ / (√(v̂ + ε_root) + ε) + decay·x`, with `m̂ = m·correction1` and `v̂ = v·correction2`.
///
/// It is computed from the moments where it is needed and never stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Direction {
    pub correction1: f64,
    pub correction2: f64,
    pub eps: f64,
    pub eps_root: f64,
    pub decay: f64,
}

impl Direction {
    /// The direction of step `step`, counted from 1, without decay.
    pub fn new(betas: (f64, f64), bias_correction: bool, step: u64, eps: f64, eps_root: f64) -> Self {
        let correction = |beta: f64| if bias_correction { 1. / (1. - beta.powf(step as f64)) } else { 1. };
        Self { correction1: correction(betas.0), correction2: correction(betas.1), eps, eps_root, decay: 0. }
    }

    /// `‖x‖²` and `‖u‖²`.
    pub fn squared_norms(&self, x: &Tensor, moments: &Tensor) -> Result<[f64; 2]> {
        let (x_storage, x_layout) = x.storage_and_layout();
        let (moments_storage, moments_layout) = moments.storage_and_layout();
        let (Storage::Cpu(xs), Storage::Cpu(ms)) = (&*x_storage, &*moments_storage) else {
            return self.composed_norms(x, moments);
        };
        let (x_range, m_range) = (elements(x_layout, "adam")?, elements(moments_layout, "adam")?);
        match (xs, ms) {
            (CpuStorage::F32(x), CpuStorage::F32(m)) => {
                Ok(cpu::squared_norms(&x[x_range], &m[m_range], self))
            }
            (CpuStorage::F64(x), CpuStorage::F64(m)) => {
                Ok(cpu::squared_norms(&x[x_range], &m[m_range], self))
            }
            _ => self.composed_norms(x, moments),
        }
    }

    /// `x ← (1 − shrink)·x − rate·u`, in place.
    pub fn descend(&self, x: &Var, moments: &Tensor, shrink: f64, rate: f64) -> Result<()> {
        let op = Descend { direction: *self, shrink, rate };
        if x.device().is_cpu() { x.inplace_op2(moments, &op) } else { op.composed(x, moments) }
    }

    fn composed(&self, x: &Tensor, moments: &Tensor) -> Result<Tensor> {
        let m = (moments.get(0)?.reshape(x.shape())? * self.correction1)?;
        let v = (moments.get(1)?.reshape(x.shape())? * self.correction2)?;
        let u = (m / ((v + self.eps_root)?.sqrt()? + self.eps)?)?;
        if self.decay == 0. { Ok(u) } else { u + (x * self.decay)? }
    }

    fn composed_norms(&self, x: &Tensor, moments: &Tensor) -> Result<[f64; 2]> {
        let dtype = wide_dtype(x.device());
        let squared = |x: &Tensor| scalar(&x.to_dtype(dtype)?.sqr()?.sum_all()?);
        Ok([squared(x)?, squared(&self.composed(x, moments)?)?])
    }
}

struct Descend {
    direction: Direction,
    shrink: f64,
    rate: f64,
}

impl Descend {
    /// The same of ordinary tensor operations.
    fn composed(&self, x: &Var, moments: &Tensor) -> Result<()> {
        let u = self.direction.composed(x, moments)?;
        let change = ((x.as_tensor() * self.shrink)? + (u * self.rate)?)?;
        x.set(&(x.as_tensor() - change)?)
    }
}

impl InplaceOp2 for Descend {
    fn name(&self) -> &'static str {
        "adam"
    }

    fn cpu_fwd(
        &self,
        x: &mut CpuStorage,
        x_layout: &Layout,
        m: &CpuStorage,
        m_layout: &Layout,
    ) -> Result<()> {
        let (x_range, m_range) = (elements(x_layout, self.name())?, elements(m_layout, self.name())?);
        let Self { direction, shrink, rate } = self;
        match (x, m) {
            (CpuStorage::F32(x), CpuStorage::F32(m)) => {
                cpu::descend(&mut x[x_range], &m[m_range], direction, *shrink, *rate);
                Ok(())
            }
            (CpuStorage::F64(x), CpuStorage::F64(m)) => {
                cpu::descend(&mut x[x_range], &m[m_range], direction, *shrink, *rate);
                Ok(())
            }
            (x, m) => unsupported(self.name(), &[x.dtype(), m.dtype()]),
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
    fn the_loops_agree_with_the_composed_direction() {
        for (dtype, tolerance) in [(DType::F32, 1e-5), (DType::F64, 1e-12)] {
            for (len, decay) in [(1, 0.), (1000, 0.01), (16_384, 0.), (40_000, 0.1)] {
                let direction =
                    Direction { correction1: 1.9, correction2: 1.1, eps: 1e-2, eps_root: 1e-3, decay };
                let x = noise(len, 1, dtype).unwrap();
                let moments = noise(2 * len, 2, dtype).unwrap().abs().unwrap().reshape((2, len)).unwrap();
                let (fast, naive) = (Var::from_tensor(&x).unwrap(), Var::from_tensor(&x).unwrap());

                let norms = direction.squared_norms(&fast, &moments).unwrap();
                let composed = direction.composed_norms(&fast, &moments).unwrap();
                for (norm, composed) in norms.iter().zip(composed) {
                    assert!((norm / composed - 1.).abs() <= tolerance, "{norm} is not {composed}");
                }
                direction.descend(&fast, &moments, 1e-3, 0.01).unwrap();
                Descend { direction, shrink: 1e-3, rate: 0.01 }.composed(&naive, &moments).unwrap();
                assert!(distance(&fast, &naive).unwrap() <= tolerance);
                assert!(distance(&fast, &x).unwrap() > 1e-4);
            }
        }
    }
}
