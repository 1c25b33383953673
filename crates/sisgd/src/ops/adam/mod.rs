//! The moments of Adam and LAMB, and the direction that they give.

mod cpu;
mod cuda;

use super::slices::{read, write};
use super::{by_real, scalar, wide_dtype};
use candle_core::{Result, Tensor, Var};
pub(crate) use cuda::AdamStep;

/// One step of a variable, its moments stored as one tensor of shape `(2, n)`:
///
/// ```text
/// g' = scale·g + l2·x
/// m ← β1·m + weight·g'             m̂ = m·correction1
/// v ← β2·v + (1 − β2)·g'²          v̂ = v·correction2
/// u = m̂ / (√(v̂ + ε_root) + ε) + decay·x
/// ```
///
/// `u` is computed from the moments where it is needed and never stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Adam {
    pub beta1: f64,
    pub beta2: f64,
    /// The weight of the gradient in `m`: `1 − β1`, or 1 without gradient averaging.
    pub weight: f64,
    /// The clip factor.
    pub scale: f64,
    /// Weight decay that goes through the moments.
    pub l2: f64,
    pub correction1: f64,
    pub correction2: f64,
    pub eps: f64,
    pub eps_root: f64,
    /// Weight decay in the direction.
    pub decay: f64,
}

impl Adam {
    /// Step `step`, counted from 1, of a gradient that is averaged, multiplied by `scale`, and not decayed.
    pub fn new((beta1, beta2): (f64, f64), bias_correction: bool, eps: f64, step: u64, scale: f64) -> Self {
        let correction = |beta: f64| if bias_correction { 1. / (1. - beta.powf(step as f64)) } else { 1. };
        Self {
            beta1,
            beta2,
            weight: 1. - beta1,
            scale,
            l2: 0.,
            correction1: correction(beta1),
            correction2: correction(beta2),
            eps,
            eps_root: 0.,
            decay: 0.,
        }
    }

    /// Updates the moments from a variable and its gradient; returns `‖u‖²`.
    pub fn accumulate(&self, x: &Tensor, moments: &Tensor, g: &Tensor) -> Result<f64> {
        if !x.device().is_cpu() {
            return self.composed_accumulate(x, moments, g);
        }
        by_real!(x, T => write::<T, _>(moments, |moments| {
            read(g, |g| read(x, |x| Ok(cpu::accumulate(moments, g, x, self))))
        }))
    }

    /// `x ← (1 − shrink)·x − rate·u`, in place.
    pub fn descend(&self, x: &Var, moments: &Tensor, shrink: f64, rate: f64) -> Result<()> {
        if !x.device().is_cpu() {
            return self.composed_descend(x, moments, shrink, rate);
        }
        by_real!(x, T => write::<T, _>(x, |x| read(moments, |moments| {
            cpu::descend(x, moments, self, shrink, rate);
            Ok(())
        })))
    }

    /// Both in one pass over memory.
    pub fn step(&self, x: &Var, moments: &Tensor, g: &Tensor, shrink: f64, rate: f64) -> Result<()> {
        if !x.device().is_cpu() {
            self.composed_accumulate(x, moments, g)?;
            return self.composed_descend(x, moments, shrink, rate);
        }
        by_real!(x, T => write::<T, _>(x, |x| write(moments, |moments| read(g, |g| {
            cpu::step(x, moments, g, self, shrink, rate);
            Ok(())
        }))))
    }

    /// [`accumulate`](Self::accumulate) of ordinary tensor operations.
    fn composed_accumulate(&self, x: &Tensor, moments: &Tensor, g: &Tensor) -> Result<f64> {
        let mut g = (g.flatten_all()? * self.scale)?;
        if self.l2 != 0. {
            g = (g + (x.flatten_all()? * self.l2)?)?;
        }
        let m = ((moments.get(0)? * self.beta1)? + (&g * self.weight)?)?;
        let v = ((moments.get(1)? * self.beta2)? + (g.sqr()? * (1. - self.beta2))?)?;
        moments.slice_set(&m.unsqueeze(0)?, 0, 0)?;
        moments.slice_set(&v.unsqueeze(0)?, 0, 1)?;
        let u = self.composed_direction(x, moments)?;
        scalar(&u.to_dtype(wide_dtype(x.device()))?.sqr()?.sum_all()?)
    }

    /// [`descend`](Self::descend) of ordinary tensor operations.
    fn composed_descend(&self, x: &Var, moments: &Tensor, shrink: f64, rate: f64) -> Result<()> {
        let u = self.composed_direction(x, moments)?;
        let change = ((x.as_tensor() * shrink)? + (u * rate)?)?;
        x.set(&(x.as_tensor() - change)?)
    }

    /// `u`.
    fn composed_direction(&self, x: &Tensor, moments: &Tensor) -> Result<Tensor> {
        let m = (moments.get(0)?.reshape(x.shape())? * self.correction1)?;
        let v = (moments.get(1)?.reshape(x.shape())? * self.correction2)?;
        let u = (m / ((v + self.eps_root)?.sqrt()? + self.eps)?)?;
        if self.decay == 0. { Ok(u) } else { u + (x * self.decay)? }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::ops::testing::{distance, noise};
    use candle_core::DType;

    const SHRINK: f64 = 1e-3;
    const RATE: f64 = 0.01;

    /// A variable, its gradient and its moments, and numbers all of which matter.
    fn problem(len: usize, decay: f64, dtype: DType) -> (Adam, Var, Tensor, Tensor) {
        let adam =
            Adam { l2: 0.2 * decay, eps_root: 1e-3, decay, ..Adam::new((0.9, 0.99), true, 1e-2, 7, 0.5) };
        let x = Var::from_tensor(&noise(len, 1, dtype).unwrap()).unwrap();
        let moments = noise(2 * len, 2, dtype).unwrap().abs().unwrap().reshape((2, len)).unwrap();
        (adam, x, moments, noise(len, 3, dtype).unwrap())
    }

    const CASES: [(usize, f64); 5] = [(1, 0.), (17, 0.1), (1000, 0.01), (16_384, 0.), (40_000, 0.1)];

    #[test]
    fn the_loops_agree_with_the_composed_operations() {
        for (dtype, tolerance) in [(DType::F32, 1e-5), (DType::F64, 1e-12)] {
            for (len, decay) in CASES {
                let (adam, x, moments, g) = problem(len, decay, dtype);
                let (_, naive_x, naive_moments, _) = problem(len, decay, dtype);
                let squared = adam.accumulate(&x, &moments, &g).unwrap();
                let naive = adam.composed_accumulate(&naive_x, &naive_moments, &g).unwrap();
                assert!((squared / naive - 1.).abs() <= tolerance, "{squared} is not {naive}");
                assert!(distance(&moments, &naive_moments).unwrap() <= tolerance);
                adam.descend(&x, &moments, SHRINK, RATE).unwrap();
                adam.composed_descend(&naive_x, &naive_moments, SHRINK, RATE).unwrap();
                assert!(distance(&x, &naive_x).unwrap() <= tolerance);
                let (_, start, start_moments, _) = problem(len, decay, dtype);
                assert!(distance(&x, &start).unwrap() > 1e-4);
                assert!(distance(&moments, &start_moments).unwrap() > 1e-3);
            }
        }
    }

    #[test]
    fn one_pass_gives_the_same_bits_as_two() {
        for dtype in [DType::F32, DType::F64] {
            for (len, decay) in CASES {
                let (adam, x, moments, g) = problem(len, decay, dtype);
                let (_, other_x, other_moments, _) = problem(len, decay, dtype);
                adam.step(&x, &moments, &g, SHRINK, RATE).unwrap();
                adam.accumulate(&other_x, &other_moments, &g).unwrap();
                adam.descend(&other_x, &other_moments, SHRINK, RATE).unwrap();
                assert_eq!(distance(&x, &other_x).unwrap(), 0.);
                assert_eq!(distance(&moments, &other_moments).unwrap(), 0.);
            }
        }
    }
}
