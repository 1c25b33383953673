//! The float types that the kernels are written for.

use candle_core::WithDType;

use super::product::{Matrix, native};
use crate::precision::Precision;

/// `f32` or `f64`.
pub trait Real: WithDType + std::ops::Neg<Output = Self> {
    /// The nearest number of this type.
    fn narrow(x: f64) -> Self;
    /// The same number as `f64`.
    fn wide(self) -> f64;
    /// The larger of two numbers.
    #[inline]
    fn larger(self, other: Self) -> Self {
        if other > self { other } else { self }
    }
    /// `eˣ`.
    fn exp(self) -> Self;
    /// The error function.
    fn erf(self) -> Self;
    /// `c = a·b` or `c += a·b` on one thread; see [`super::product::serial`].
    ///
    /// # Safety
    /// `a` holds (m, k) elements, `b` (k, n), and `c` (m, n) with rows `stride` apart, for this thread alone.
    unsafe fn product(
        precision: Precision,
        dims: (usize, usize, usize),
        a: Matrix<Self>,
        b: Matrix<Self>,
        c: *mut Self,
        stride: usize,
        accumulate: bool,
    );
}

impl Real for f32 {
    #[inline]
    fn narrow(x: f64) -> Self {
        x as f32
    }
    #[inline]
    fn wide(self) -> f64 {
        f64::from(self)
    }
    #[inline]
    fn exp(self) -> Self {
        f32::exp(self)
    }
    #[inline]
    fn erf(self) -> Self {
        rational_erf(self)
    }
    unsafe fn product(
        _precision: Precision,
        dims: (usize, usize, usize),
        a: Matrix<Self>,
        b: Matrix<Self>,
        c: *mut Self,
        stride: usize,
        accumulate: bool,
    ) {
        // SAFETY: the caller's promise.
        unsafe { native::product(dims, a, b, c, stride, accumulate, [0., 1.]) }
    }
}

impl Real for f64 {
    #[inline]
    fn narrow(x: f64) -> Self {
        x
    }
    #[inline]
    fn wide(self) -> f64 {
        self
    }
    #[inline]
    fn exp(self) -> Self {
        f64::exp(self)
    }
    #[inline]
    fn erf(self) -> Self {
        libm::erf(self)
    }
    unsafe fn product(
        _precision: Precision,
        dims: (usize, usize, usize),
        a: Matrix<Self>,
        b: Matrix<Self>,
        c: *mut Self,
        stride: usize,
        accumulate: bool,
    ) {
        // SAFETY: the caller's promise.
        unsafe { native::product(dims, a, b, c, stride, accumulate, [0., 1.]) }
    }
}

/// `erf` as an odd rational function on \[-4, 4\], which the compiler can vectorise.
///
/// The coefficients are those of Eigen's `generic_fast_erf_float`. Evaluated in f64 the absolute error is below 1e-7;
/// in f32 it would be 4.5e-7.
#[inline]
fn rational_erf(x: f32) -> f32 {
    const NUMERATOR: [f64; 7] = [
        -2.72614225801306e-10,
        2.77068142495902e-08,
        -2.10102402082508e-06,
        -5.69250639462346e-05,
        -7.34990630326855e-04,
        -2.95459980854025e-03,
        -1.60960333262415e-02,
    ];
    const DENOMINATOR: [f64; 5] = [
        -1.45660718464996e-05,
        -2.13374055278905e-04,
        -1.68282697438203e-03,
        -7.37332916720468e-03,
        -1.42647390514189e-02,
    ];
    let x = f64::from(x).clamp(-4., 4.);
    let x2 = x * x;
    let numerator = NUMERATOR.iter().fold(0., |sum, c| sum * x2 + c);
    let denominator = DENOMINATOR.iter().fold(0., |sum, c| sum * x2 + c);
    (x * numerator / denominator) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_precision_erf_is_within_its_error_bound() {
        let worst = (-600_000..=600_000)
            .map(|i| i as f32 * 1e-5)
            .map(|x| (f64::from(rational_erf(x)) - libm::erf(f64::from(x))).abs())
            .fold(0f64, f64::max);
        assert!(worst < 1e-7, "{worst:e}");
    }

    #[test]
    fn single_precision_erf_keeps_nan() {
        assert!(rational_erf(f32::NAN).is_nan());
    }
}
