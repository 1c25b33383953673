//! The update of gradient descent.

mod cpu;
mod cuda;

use super::slices::{read, write};
use super::{Rows, by_real};
use crate::Gradient;
use crate::gradients::spread;
use candle_core::{Result, Var};
pub(crate) use cuda::scaled_add_all;

/// `x ← (1 − decay)·x − rate·g`, in place.
pub(crate) fn scaled_add(x: &Var, g: Gradient, decay: f64, rate: f64) -> Result<()> {
    if !x.device().is_cpu() {
        return composed(x, g, decay, rate);
    }
    by_real!(x, T => write::<T, _>(x, |x| match g {
        Gradient::Dense(g) => read(g, |g| {
            cpu::scaled_add(x, g, decay, rate);
            Ok(())
        }),
        Gradient::Rows { ids, values } => {
            let width = values.dim(1)?;
            read(values, |values| {
                cpu::scaled_add_rows(x, Rows { ids, values, width }, decay, rate);
                Ok(())
            })
        }
    }))
}

/// `x ← factor·x`, in place.
pub(crate) fn scale(x: &Var, factor: f64) -> Result<()> {
    if !x.device().is_cpu() {
        return x.set(&(x.as_tensor() - (x.as_tensor() * (1. - factor))?)?);
    }
    by_real!(x, T => write::<T, _>(x, |x| {
        cpu::scaled_add_rows(x, Rows { ids: &[], values: &[], width: 1 }, 1. - factor, 0.);
        Ok(())
    }))
}

/// [`scaled_add`] of ordinary tensor operations; what is subtracted is formed first, so that `1 − decay` is never rounded.
fn composed(x: &Var, g: Gradient, decay: f64, rate: f64) -> Result<()> {
    let change = ((x.as_tensor() * decay)? + (spread(x, g)? * rate)?)?;
    x.set(&(x.as_tensor() - change)?)
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
                scaled_add(&fast, Gradient::Dense(&g), 1e-3, 0.1).unwrap();
                composed(&naive, Gradient::Dense(&g), 1e-3, 0.1).unwrap();
                assert!(distance(&fast, &naive).unwrap() <= tolerance);
                assert!(distance(&fast, &x).unwrap() > 1e-6);
            }
        }
    }

    #[test]
    fn the_loops_over_rows_agree_with_the_composed_update() {
        let x = noise(900 * 37, 1, DType::F32).unwrap().reshape((900, 37)).unwrap();
        for ids in [&[][..], &[0], &[899], &[3, 4, 440, 441, 442, 443, 444, 899]] {
            let values = noise(ids.len() * 37, 2, DType::F32).unwrap().reshape((ids.len(), 37)).unwrap();
            let (fast, naive) = (Var::from_tensor(&x).unwrap(), Var::from_tensor(&x).unwrap());
            scaled_add(&fast, Gradient::Rows { ids, values: &values }, 1e-3, 0.1).unwrap();
            composed(&naive, Gradient::Rows { ids, values: &values }, 1e-3, 0.1).unwrap();
            assert!(distance(&fast, &naive).unwrap() <= 2e-7);
        }
    }

    #[test]
    fn a_decay_far_below_the_precision_of_f32_factors_is_applied_in_full() {
        // 1 − 2e-7 is 1 − 1.79e-7 in f32: the factor alone would lose a tenth of the decay.
        let x = Var::from_tensor(&noise(100_000, 1, DType::F32).unwrap()).unwrap();
        let zero = x.zeros_like().unwrap();
        let squared_norm = || crate::ops::dots::dots(&x, Gradient::Dense(&zero)).unwrap().xx;
        let before = squared_norm();
        for _ in 0..100 {
            scaled_add(&x, Gradient::Dense(&zero), 2e-7, 0.).unwrap();
        }
        let shrunk = 1. - (squared_norm() / before).sqrt();
        assert!((shrunk / 2e-5 - 1.).abs() < 0.02, "shrunk by {shrunk}, expected 2e-5");
    }
}
