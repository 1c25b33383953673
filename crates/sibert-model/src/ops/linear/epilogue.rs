//! Bias and rectifier, applied in place to the rows of a product.

use std::mem::MaybeUninit;

use cukernel::simd::vectorize;

use crate::compute::real::Real;

/// `y += b` for every row of width `bias.len()`.
pub fn add_bias<T: Real>(rows: &mut [T], bias: &[T]) {
    each(
        rows,
        bias,
        #[inline(always)]
        |y, b| y + b,
    );
}

/// `y = relu(y + b)` for every row of width `bias.len()`; NaN stays.
pub fn add_bias_relu<T: Real>(rows: &mut [T], bias: &[T]) {
    each(
        rows,
        bias,
        #[inline(always)]
        |y, b| if y + b < T::zero() { T::zero() } else { y + b },
    );
}

#[inline(always)]
fn each<T: Real>(rows: &mut [T], bias: &[T], f: impl Fn(T, T) -> T) {
    vectorize(
        #[inline(always)]
        || {
            for row in rows.chunks_mut(bias.len().max(1)) {
                for (y, &b) in row.iter_mut().zip(bias) {
                    *y = f(*y, b);
                }
            }
        },
    );
}

/// `out = dy ∘ [y > 0]`: the gradient of a rectifier from its result.
pub fn relu_mask<T: Real>(dy: &[T], y: &[T], out: &mut [MaybeUninit<T>]) {
    vectorize(
        #[inline(always)]
        || {
            for (out, (&dy, &y)) in out.iter_mut().zip(dy.iter().zip(y)) {
                out.write(if y > T::zero() { dy } else { T::zero() });
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::buffer::{uninit, written};
    use crate::random::word;

    fn sample(len: usize, seed: u64) -> Vec<f32> {
        (0..len as u64).map(|i| (word(seed, i) >> 40) as f32 / 8_388_608. - 1.).collect()
    }

    #[test]
    fn a_bias_is_added_to_every_row() {
        for width in [1, 7, 37] {
            let (x, bias) = (sample(5 * width, 1), sample(width, 2));
            let expected: Vec<f32> = (0..x.len()).map(|i| x[i] + bias[i % width]).collect();
            let mut plain = x.clone();
            add_bias(&mut plain, &bias);
            assert_eq!(plain, expected);
            let mut rectified = x;
            add_bias_relu(&mut rectified, &bias);
            assert_eq!(rectified, expected.iter().map(|&x| x.max(0.)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_rectifier_keeps_nan() {
        let mut x = [f32::NAN, -1.];
        add_bias_relu(&mut x, &[0., 0.]);
        assert!(x[0].is_nan() && x[1] == 0.);
    }

    #[test]
    fn a_rectifier_passes_gradients_where_its_result_is_positive() {
        let (dy, y) = (sample(100, 1), sample(100, 2).iter().map(|y| y.max(0.)).collect::<Vec<_>>());
        let mut out = uninit(100);
        relu_mask(&dy, &y, &mut out);
        // SAFETY: all have 100 elements.
        let out: Vec<f32> = unsafe { written(out) };
        assert!((0..100).all(|i| out[i] == if y[i] > 0. { dy[i] } else { 0. }));
    }
}
