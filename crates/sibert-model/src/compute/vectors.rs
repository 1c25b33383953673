//! Vectors of a float type, for kernels that say themselves what a vector is.
//!
//! The compiler unrolls a loop into steps of several vectors, and takes what is left number by number: most of a row of 32.

use cukernel::simd::arch;
use pulp::{Simd, WithSimd};

use super::real::Real;
use super::vector_math::{LN_2, Q, ROUND};

/// A processor's vectors of `T`, with the operations of a kernel. Each gives the bits of the same operation on numbers.
pub trait Vectors<T: Real>: Copy {
    /// A vector.
    type Vector: Copy;
    /// As many integers.
    type Draws: Copy;
    /// Numbers in a vector: a power of two, at most 16.
    const WIDTH: usize;

    /// The vectors of a slice that is made up of them.
    fn of(self, x: &mut [T]) -> &mut [Self::Vector];
    /// The whole vectors of a slice of integers.
    fn draws(self, x: &[u32]) -> &[Self::Draws];
    /// `x` in every place.
    fn splat(self, x: T) -> Self::Vector;
    /// `x + y`
    fn add(self, x: Self::Vector, y: Self::Vector) -> Self::Vector;
    /// `x − y`
    fn sub(self, x: Self::Vector, y: Self::Vector) -> Self::Vector;
    /// `x · y`
    fn mul(self, x: Self::Vector, y: Self::Vector) -> Self::Vector;
    /// `y` where it is larger, else `x`.
    fn larger(self, x: Self::Vector, y: Self::Vector) -> Self::Vector;
    /// `y` where `x > 0`, else zero.
    fn where_positive(self, x: Self::Vector, y: Self::Vector) -> Self::Vector;
    /// Zero where `x < 0`, else `x`, also if that is NaN.
    fn relu(self, x: Self::Vector) -> Self::Vector;
    /// `y` where the draw is not below the threshold, else zero.
    fn where_kept(self, draw: Self::Draws, threshold: u32, y: Self::Vector) -> Self::Vector;
    /// `eˣ`
    fn exp(self, x: Self::Vector) -> Self::Vector;
}

/// What is computed by vectors of `T`.
pub trait Kernel<T: Real> {
    /// By these; `#[inline(always)]`, as all that it calls.
    fn run<V: Vectors<T>>(self, vectors: V);
}

/// A float type that kernels can be written for.
pub trait Vectorized: Real {
    /// Runs the kernel by the widest vectors of this processor; f64, which is for tests, number by number.
    fn dispatch(kernel: impl Kernel<Self>);
}

impl Vectorized for f32 {
    fn dispatch(kernel: impl Kernel<f32>) {
        arch().dispatch(Dispatch(kernel));
    }
}

impl Vectorized for f64 {
    fn dispatch(kernel: impl Kernel<f64>) {
        kernel.run(Single);
    }
}

struct Dispatch<K>(K);

impl<K: Kernel<f32>> WithSimd for Dispatch<K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.0.run(Wide(simd));
    }
}

/// The vectors of f32 of a processor.
#[derive(Clone, Copy)]
pub struct Wide<S>(S);

impl<S: Simd> Vectors<f32> for Wide<S> {
    type Vector = S::f32s;
    type Draws = S::u32s;
    const WIDTH: usize = S::F32_LANES;

    #[inline(always)]
    fn of(self, x: &mut [f32]) -> &mut [S::f32s] {
        S::as_mut_simd_f32s(x).0
    }
    #[inline(always)]
    fn draws(self, x: &[u32]) -> &[S::u32s] {
        S::as_simd_u32s(x).0
    }
    #[inline(always)]
    fn splat(self, x: f32) -> S::f32s {
        self.0.splat_f32s(x)
    }
    #[inline(always)]
    fn add(self, x: S::f32s, y: S::f32s) -> S::f32s {
        self.0.add_f32s(x, y)
    }
    #[inline(always)]
    fn sub(self, x: S::f32s, y: S::f32s) -> S::f32s {
        self.0.sub_f32s(x, y)
    }
    #[inline(always)]
    fn mul(self, x: S::f32s, y: S::f32s) -> S::f32s {
        self.0.mul_f32s(x, y)
    }
    #[inline(always)]
    fn larger(self, x: S::f32s, y: S::f32s) -> S::f32s {
        self.0.select_f32s(self.0.greater_than_f32s(y, x), y, x)
    }
    #[inline(always)]
    fn where_positive(self, x: S::f32s, y: S::f32s) -> S::f32s {
        let zero = self.splat(0.);
        self.0.select_f32s(self.0.greater_than_f32s(x, zero), y, zero)
    }
    #[inline(always)]
    fn relu(self, x: S::f32s) -> S::f32s {
        let zero = self.splat(0.);
        self.0.select_f32s(self.0.less_than_f32s(x, zero), zero, x)
    }
    #[inline(always)]
    fn where_kept(self, draw: S::u32s, threshold: u32, y: S::f32s) -> S::f32s {
        let kept = self.0.greater_than_or_equal_u32s(draw, self.0.splat_u32s(threshold));
        self.0.select_f32s(kept, y, self.splat(0.))
    }
    /// The steps of [`vector_math::exp`](super::vector_math::exp).
    #[inline(always)]
    fn exp(self, x: S::f32s) -> S::f32s {
        let simd = self.0;
        let (low, high) = (self.splat(-105.), self.splat(90.));
        let clamped = simd.select_f32s(simd.less_than_f32s(x, low), low, x);
        let clamped = simd.select_f32s(simd.greater_than_f32s(clamped, high), high, clamped);
        let rounded = self.add(self.mul(clamped, self.splat(std::f32::consts::LOG2_E)), self.splat(ROUND));
        let n = self.sub(rounded, self.splat(ROUND));
        let r = self.sub(clamped, self.mul(n, self.splat(LN_2[0])));
        let r = self.sub(r, self.mul(n, self.splat(LN_2[1])));
        let mut q = self.splat(Q[0]);
        for &c in &Q[1..] {
            q = self.add(self.mul(q, r), self.splat(c));
        }
        let e = self.add(self.add(self.mul(self.mul(r, r), q), r), self.splat(1.));
        // Twice the bias of the exponent makes it positive: halves of that hold one each.
        let biased = simd.sub_u32s(simd.transmute_u32s_f32s(rounded), simd.splat_u32s(ROUND.to_bits() - 254));
        let half = simd.wrapping_dyn_shr_u32s(biased, simd.splat_u32s(1));
        let power =
            |exponent| simd.transmute_f32s_u32s(simd.wrapping_dyn_shl_u32s(exponent, simd.splat_u32s(23)));
        self.mul(self.mul(e, power(half)), power(simd.sub_u32s(biased, half)))
    }
}

/// Single numbers of f64.
#[derive(Clone, Copy)]
pub struct Single;

impl Vectors<f64> for Single {
    type Vector = f64;
    type Draws = u32;
    const WIDTH: usize = 1;

    fn of(self, x: &mut [f64]) -> &mut [f64] {
        x
    }
    fn draws(self, x: &[u32]) -> &[u32] {
        x
    }
    fn splat(self, x: f64) -> f64 {
        x
    }
    fn add(self, x: f64, y: f64) -> f64 {
        x + y
    }
    fn sub(self, x: f64, y: f64) -> f64 {
        x - y
    }
    fn mul(self, x: f64, y: f64) -> f64 {
        x * y
    }
    fn larger(self, x: f64, y: f64) -> f64 {
        x.larger(y)
    }
    fn where_positive(self, x: f64, y: f64) -> f64 {
        if x > 0. { y } else { 0. }
    }
    fn relu(self, x: f64) -> f64 {
        if x < 0. { 0. } else { x }
    }
    fn where_kept(self, draw: u32, threshold: u32, y: f64) -> f64 {
        if draw >= threshold { y } else { 0. }
    }
    fn exp(self, x: f64) -> f64 {
        x.exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::vector_math;

    struct Exponentials<'a>(&'a mut [f32]);

    impl Kernel<f32> for Exponentials<'_> {
        #[inline(always)]
        fn run<V: Vectors<f32>>(self, vectors: V) {
            for x in vectors.of(self.0) {
                *x = vectors.exp(*x);
            }
        }
    }

    /// Every 499th number, of every binade and both signs.
    #[test]
    fn exp_of_vectors_has_the_bits_of_exp() {
        let mut numbers: Vec<f32> = (0..=u32::MAX).step_by(499).map(f32::from_bits).collect();
        numbers.truncate(numbers.len() / 16 * 16);
        let expected: Vec<u32> = numbers.iter().map(|&x| vector_math::exp(x).to_bits()).collect();
        let nan: Vec<bool> = numbers.iter().map(|x| x.is_nan()).collect();
        f32::dispatch(Exponentials(&mut numbers));
        for ((x, expected), nan) in numbers.into_iter().zip(expected).zip(nan) {
            assert!(if nan { x.is_nan() } else { x.to_bits() == expected }, "{x:e} {expected:x}");
        }
    }
}
