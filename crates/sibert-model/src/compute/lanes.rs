//! Sums and maxima along a row, in interleaved lanes: the same bits whatever vectors the processor has.
//!
//! They are meant to be called within `vectorize`, with closures that are `#[inline(always)]`.

use super::real::Real;

/// Interleaved sums, of which every processor makes whole vectors.
const LANES: usize = 16;

/// Elements whose largest is found at once, within the first-level cache.
pub const BLOCK: usize = 1024;

/// `Σ f(x)` in interleaved sums of the accumulator's type.
#[inline(always)]
pub fn sum<T: Real, A: Real>(x: &[T], f: impl Fn(T) -> A) -> A {
    let [sum] = sums(
        x,
        #[inline(always)]
        |x| [f(x)],
    );
    sum
}

/// `Σ f(x)` for several sums at once.
#[inline(always)]
pub fn sums<T: Real, A: Real, const N: usize>(x: &[T], f: impl Fn(T) -> [A; N]) -> [A; N] {
    let (body, tail) = x.as_chunks::<LANES>();
    let mut lanes = [[A::zero(); LANES]; N];
    for x in body {
        for lane in 0..LANES {
            let terms = f(x[lane]);
            for n in 0..N {
                lanes[n][lane] += terms[n];
            }
        }
    }
    for (lane, &x) in tail.iter().enumerate() {
        let terms = f(x);
        for n in 0..N {
            lanes[n][lane] += terms[n];
        }
    }
    fold_all(lanes)
}

/// `Σ f(x, y)` for several sums at once.
#[inline(always)]
pub fn sums2<T: Real, A: Real, const N: usize>(x: &[T], y: &[T], f: impl Fn(T, T) -> [A; N]) -> [A; N] {
    let ((x, x_tail), (y, y_tail)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    let mut lanes = [[A::zero(); LANES]; N];
    for (x, y) in x.iter().zip(y) {
        for lane in 0..LANES {
            let terms = f(x[lane], y[lane]);
            for n in 0..N {
                lanes[n][lane] += terms[n];
            }
        }
    }
    for (lane, (&x, &y)) in x_tail.iter().zip(y_tail).enumerate() {
        let terms = f(x, y);
        for n in 0..N {
            lanes[n][lane] += terms[n];
        }
    }
    fold_all(lanes)
}

#[inline(always)]
fn fold_all<A: Real, const N: usize>(lanes: [[A; LANES]; N]) -> [A; N] {
    let mut sums = [A::zero(); N];
    for (sum, lanes) in sums.iter_mut().zip(lanes) {
        *sum = fold(lanes);
    }
    sums
}

/// The sum of the lanes, in halves.
#[inline(always)]
fn fold<A: Real>(lanes: [A; LANES]) -> A {
    // through memory: otherwise the order of these sums leads the compiler to shuffle within the loop before them
    let mut lanes = std::hint::black_box(lanes);
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            let other = lanes[lane + half];
            lanes[lane] += other;
        }
    }
    lanes[0]
}

/// The largest element; −∞ without elements, and NaN is passed over.
#[inline(always)]
pub fn max<T: Real>(x: &[T]) -> T {
    let (body, tail) = x.as_chunks::<LANES>();
    let mut lanes = [T::narrow(f64::NEG_INFINITY); LANES];
    for x in body {
        for lane in 0..LANES {
            lanes[lane] = lanes[lane].larger(x[lane]);
        }
    }
    for (lane, &x) in tail.iter().enumerate() {
        lanes[lane] = lanes[lane].larger(x);
    }
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            lanes[lane] = lanes[lane].larger(lanes[lane + half]);
        }
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::word;

    /// Whole numbers, whose sums are exact in any order.
    fn sample(len: usize) -> Vec<f32> {
        (0..len as u64).map(|i| (word(1, i) >> 56) as f32 - 100.).collect()
    }

    #[test]
    fn sums_and_maxima_take_every_element() {
        for len in 0..100 {
            let x = sample(len);
            assert_eq!(sum(&x, |x| x), x.iter().sum::<f32>());
            assert_eq!(sums2(&x, &x, |x, y| [x * y]), [x.iter().map(|x| x * x).sum::<f32>()]);
            assert_eq!(max(&x), x.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        }
    }
}
