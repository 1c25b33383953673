//! The three dot products of a variable and its gradient.

mod cpu;

use super::{elements, scalar, wide_dtype};
use candle_core::{CpuStorage, Result, Storage, Tensor};

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

/// The products of `x` and `g`, both contiguous and of one dtype.
pub(crate) fn dots(x: &Tensor, g: &Tensor) -> Result<Dots> {
    let (x_storage, x_layout) = x.storage_and_layout();
    let (g_storage, g_layout) = g.storage_and_layout();
    let (Storage::Cpu(xs), Storage::Cpu(gs)) = (&*x_storage, &*g_storage) else {
        return composed(x, g);
    };
    let (x_range, g_range) = (elements(x_layout, "dots")?, elements(g_layout, "dots")?);
    let [xx, xg, gg] = match (xs, gs) {
        (CpuStorage::F32(x), CpuStorage::F32(g)) => cpu::dots(&x[x_range], &g[g_range]),
        (CpuStorage::F64(x), CpuStorage::F64(g)) => cpu::dots(&x[x_range], &g[g_range]),
        _ => return composed(x, g),
    };
    Ok(Dots { xx, xg, gg })
}

/// The same of ordinary tensor operations.
fn composed(x: &Tensor, g: &Tensor) -> Result<Dots> {
    let dtype = wide_dtype(x.device());
    let (x, g) = (x.to_dtype(dtype)?, g.to_dtype(dtype)?);
    let dot = |a: &Tensor, b: &Tensor| scalar(&(a * b)?.sum_all()?);
    Ok(Dots { xx: dot(&x, &x)?, xg: dot(&x, &g)?, gg: dot(&g, &g)? })
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

    #[test]
    fn products_match_the_composed_ones_at_every_length() {
        for dtype in [DType::F32, DType::F64] {
            for len in [1, 7, 8, 9, 1000, 16_384, 16_385, 50_001] {
                let (x, g) = (noise(len, 1, dtype).unwrap(), noise(len, 2, dtype).unwrap());
                let (fast, naive) = (dots(&x, &g).unwrap(), composed(&x, &g).unwrap());
                for (fast, naive) in [(fast.xx, naive.xx), (fast.xg, naive.xg), (fast.gg, naive.gg)] {
                    assert!((fast - naive).abs() <= 1e-12 * len as f64, "{len}: {fast} is not {naive}");
                }
            }
        }
    }

    #[test]
    fn views_are_read_at_their_offset() {
        let x = noise(300, 3, DType::F32).unwrap();
        let tail = x.narrow(0, 100, 200).unwrap();
        assert_eq!(
            dots(&tail, &tail).unwrap(),
            dots(&tail.copy().unwrap(), &tail.force_contiguous().unwrap()).unwrap()
        );
        assert!((dots(&tail, &tail).unwrap().gg - composed(&tail, &tail).unwrap().gg).abs() < 1e-12);
    }

    #[test]
    fn non_finite_values_are_counted_and_the_first_is_found() {
        let bad = Tensor::new(&[1f32, 2., f32::INFINITY, f32::NAN, 0.], &candle_core::Device::Cpu).unwrap();
        assert_eq!(non_finite(&bad).unwrap(), Some((2, 2, f64::INFINITY)));
        assert_eq!(non_finite(&noise(9, 1, DType::F64).unwrap()).unwrap(), None);
    }
}
