//! The three dot products of a variable and its gradient.

mod cpu;
mod cuda;

use super::slices::read;
use super::{Rows, by_real, scalar, wide_dtype};
use crate::Gradient;
use candle_core::{Result, Tensor};
pub(crate) use cuda::{products, squared_norms};

/// `‖x‖²`, `⟨x, g⟩` and `‖g‖²`, in f64.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Dots {
    pub xx: f64,
    pub xg: f64,
    pub gg: f64,
}

impl Dots {
    /// The products of two vectors from those of their parts.
    pub fn plus(self, other: Self) -> Self {
        Self { xx: self.xx + other.xx, xg: self.xg + other.xg, gg: self.gg + other.gg }
    }
}

/// The products of `x` and its gradient, contiguous, of one dtype, the rows' ids fitting.
pub(crate) fn dots(x: &Tensor, g: Gradient) -> Result<Dots> {
    if !x.device().is_cpu() {
        return composed(x, g);
    }
    let [xx, xg, gg] = by_real!(x, T => read::<T, _>(x, |x| match g {
        Gradient::Dense(g) => read(g, |g| Ok(cpu::dots(x, g))),
        Gradient::Rows { ids, values } => {
            let width = values.dim(1)?;
            read(values, |values| Ok(cpu::dots_rows(x, Rows { ids, values, width })))
        }
    }))?;
    Ok(Dots { xx, xg, gg })
}

/// The same of ordinary tensor operations.
fn composed(x: &Tensor, g: Gradient) -> Result<Dots> {
    let dtype = wide_dtype(x.device());
    let wide = |tensor: &Tensor| tensor.to_dtype(dtype);
    let dot = |a: &Tensor, b: &Tensor| scalar(&(a * b)?.sum_all()?);
    let x = wide(x)?;
    let (at, g) = match g {
        Gradient::Dense(g) => (x.clone(), wide(g)?),
        Gradient::Rows { ids: &[], .. } => return Ok(Dots { xx: dot(&x, &x)?, ..Dots::default() }),
        Gradient::Rows { ids, values } => (x.index_select(&Tensor::new(ids, x.device())?, 0)?, wide(values)?),
    };
    Ok(Dots { xx: dot(&x, &x)?, xg: dot(&at, &g)?, gg: dot(&g, &g)? })
}

/// How many elements are NaN or infinite, and the flat index and value of the first.
pub(crate) fn non_finite(tensor: &Tensor) -> Result<Option<(usize, usize, f64)>> {
    let values = tensor.flatten_all()?.to_device(&candle_core::Device::Cpu)?;
    let values = values.to_dtype(candle_core::DType::F64)?.to_vec1::<f64>()?;
    let mut bad = values.iter().enumerate().filter(|(_, value)| !value.is_finite());
    Ok(bad.next().map(|(index, &value)| (bad.count() + 1, index, value)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::ops::testing::noise;
    use candle_core::DType;

    fn assert_close(x: &Tensor, g: Gradient) {
        let (fast, naive) = (dots(x, g).unwrap(), composed(x, g).unwrap());
        for (fast, naive) in [(fast.xx, naive.xx), (fast.xg, naive.xg), (fast.gg, naive.gg)] {
            assert!((fast - naive).abs() <= 1e-12 * x.elem_count() as f64, "{fast} is not {naive}");
        }
    }

    #[test]
    fn products_match_the_composed_ones_at_every_length() {
        for dtype in [DType::F32, DType::F64] {
            for len in [1, 7, 15, 16, 17, 1000, 16_384, 16_385, 50_001] {
                let (x, g) = (noise(len, 1, dtype).unwrap(), noise(len, 2, dtype).unwrap());
                assert_close(&x, Gradient::Dense(&g));
            }
        }
    }

    #[test]
    fn products_of_rows_match_the_composed_ones() {
        let x = noise(900 * 37, 1, DType::F32).unwrap().reshape((900, 37)).unwrap();
        for ids in [&[][..], &[0], &[899], &[3, 4, 440, 441, 442, 443, 444, 899]] {
            let values = noise(ids.len() * 37, 2, DType::F32).unwrap().reshape((ids.len(), 37)).unwrap();
            assert_close(&x, Gradient::Rows { ids, values: &values });
        }
    }

    #[test]
    fn views_are_read_at_their_offset() {
        let x = noise(300, 3, DType::F32).unwrap();
        let tail = x.narrow(0, 100, 200).unwrap();
        let copy = tail.force_contiguous().unwrap();
        assert_eq!(
            dots(&tail, Gradient::Dense(&tail)).unwrap(),
            dots(&copy, Gradient::Dense(&copy)).unwrap()
        );
        assert_close(&tail, Gradient::Dense(&tail));
    }

    #[test]
    fn non_finite_values_are_counted_and_the_first_is_found() {
        let bad = Tensor::new(&[1f32, 2., f32::INFINITY, f32::NAN, 0.], &candle_core::Device::Cpu).unwrap();
        assert_eq!(non_finite(&bad).unwrap(), Some((2, 2, f64::INFINITY)));
        assert_eq!(non_finite(&noise(9, 1, DType::F64).unwrap()).unwrap(), None);
    }
}
