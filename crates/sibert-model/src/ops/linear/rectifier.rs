//! The gradient of a rectifier.

use std::mem::MaybeUninit;

use cukernel::simd::vectorize;

use crate::compute::real::Real;

/// `dy ∘ [y > 0]`, the gradient of a rectifier from its result, written to `out`; all have as many elements.
pub fn relu_mask<'a, T: Real>(dy: &[T], y: &[T], out: &'a mut [MaybeUninit<T>]) -> &'a [T] {
    assert!(dy.len() == out.len() && y.len() == out.len(), "a rectifier's gradient of another length");
    vectorize(
        #[inline(always)]
        || {
            for (out, (&dy, &y)) in out.iter_mut().zip(dy.iter().zip(y)) {
                out.write(if y > T::zero() { dy } else { T::zero() });
            }
        },
    );
    // SAFETY: each element has just been written.
    unsafe { out.assume_init_ref() }
}

/// The same in place of `dy`.
pub fn relu_mask_in_place<T: Real>(dy: &mut [T], y: &[T]) {
    assert!(dy.len() == y.len(), "a rectifier's gradient of another length");
    vectorize(
        #[inline(always)]
        || {
            for (dy, &y) in dy.iter_mut().zip(y) {
                *dy = if y > T::zero() { *dy } else { T::zero() };
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::buffer::uninit;
    use crate::random::word;

    fn sample(len: usize, seed: u64) -> Vec<f32> {
        (0..len as u64).map(|i| (word(seed, i) >> 40) as f32 / 8_388_608. - 1.).collect()
    }

    #[test]
    fn a_rectifier_passes_gradients_where_its_result_is_positive() {
        let (dy, y) = (sample(100, 1), sample(100, 2).iter().map(|y| y.max(0.)).collect::<Vec<_>>());
        let mut masked = dy.clone();
        relu_mask_in_place(&mut masked, &y);
        let mut out = uninit(100);
        let out = relu_mask(&dy, &y, &mut out);
        assert!((0..100).all(|i| out[i] == if y[i] > 0. { dy[i] } else { 0. }));
        assert!(out == masked);
    }
}
