//! The place of the largest element of every row.

use candle_core::{D, Device, Result, Tensor, bail};
use cukernel::simd::vectorize;
use rayon::prelude::*;

use super::cross_entropy;
use crate::compute::buffer::Values;
use crate::compute::lanes::{BLOCK, max};
use crate::compute::real::Real;
use crate::compute::{by_float, kernels};

/// The index (u32) of the largest element along the last dimension of x (…, n), as candle's `argmax`.
///
/// The first of equal elements; NaN is passed over, but a row that begins with it gives zero.
///
/// # Errors
/// If the rows are empty, or the dtype is not [supported](crate::ops).
pub fn argmax_rows(x: &Tensor) -> Result<Tensor> {
    let x = x.detach().contiguous()?;
    let (shape, width) = (&x.dims()[..x.rank().saturating_sub(1)], x.dim(D::Minus1)?);
    if width == 0 {
        bail!("argmax_rows: rows of shape {:?} have no elements", x.dims())
    }
    if kernels(&x) {
        return cross_entropy::cuda::argmax_rows(&x);
    }
    if !x.device().is_cpu() {
        return x.argmax(D::Minus1);
    }
    let values = Values::of(&x);
    let places = by_float!("argmax_rows", x.dtype(), T => cpu::<T>(values.slice()?, width));
    Tensor::from_vec(places, shape, x.device())
}

/// How many rows of `logits` (rows, n) have their largest element at their label: an f64 scalar, on the device.
///
/// # Errors
/// As [`argmax_rows`]; or if the labels are not u32 (rows).
pub fn count_correct(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let logits = logits.detach();
    if logits.dims2()?.0 != labels.dim(0)? {
        bail!("count_correct: {} labels do not fit logits of shape {:?}", labels.elem_count(), logits.dims())
    }
    if kernels(&logits) {
        return cross_entropy::cuda::count_correct(&logits, labels);
    }
    let (guesses, labels) = (argmax_rows(&logits)?.to_vec1::<u32>()?, labels.to_vec1::<u32>()?);
    let correct = guesses.iter().zip(&labels).filter(|(guess, label)| guess == label).count();
    Tensor::new(correct as f64, &Device::Cpu)
}

/// The place of the first of the largest elements. Only the blocks that hold a new maximum are searched for its place.
#[inline(always)]
fn argmax<T: Real>(x: &[T]) -> u32 {
    let (mut largest, mut place) = (x[0], 0);
    for (block, x) in x.chunks(BLOCK).enumerate() {
        let max = max(x);
        if max > largest {
            largest = max;
            place = block * BLOCK + x.iter().position(|&x| x == max).unwrap_or(0);
        }
    }
    place as u32
}

fn cpu<T: Real>(x: &[T], width: usize) -> Vec<u32> {
    let of = |x: &[T]| {
        vectorize(
            #[inline(always)]
            || argmax(x),
        )
    };
    x.par_chunks_exact(width).map(of).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use crate::ops::test_support::*;

    fn assert_as_candle(x: &Tensor) {
        let expected = x.argmax(D::Minus1).unwrap();
        assert_eq!(argmax_rows(x).unwrap().dims(), expected.dims());
        assert_eq!(values(&argmax_rows(x).unwrap()), values(&expected));
    }

    #[test]
    fn argmax_is_candle_s() {
        for width in [1, 7, 37, 1024, 5000] {
            let x = sample(&[2, 3, width], 1);
            assert_as_candle(&x);
            assert_as_candle(&x.to_dtype(DType::F32).unwrap());
            // many equal elements
            assert_as_candle(&(&x * 4.).unwrap().round().unwrap());
        }
    }

    #[test]
    fn nan_and_infinities_are_treated_as_by_candle() {
        let (nan, inf) = (f32::NAN, f32::INFINITY);
        let rows = [[nan, 1., 2.], [1., nan, 2.], [-inf, -inf, -inf], [-inf, nan, -5.], [1., inf, inf]];
        assert_as_candle(&Tensor::new(&rows, &Device::Cpu).unwrap());
    }
}
