use std::f64::consts::{FRAC_1_SQRT_2, PI};

use crate::ops::real::Real;

/// `Φ(x)`, the normal distribution function.
#[inline]
fn distribution<T: Real>(x: T) -> T {
    T::narrow(0.5) * (T::one() + (x * T::narrow(FRAC_1_SQRT_2)).erf())
}

/// `φ(x)`, the normal density.
#[inline]
fn density<T: Real>(x: T) -> T {
    T::narrow(1. / (2. * PI).sqrt()) * (T::narrow(-0.5) * x * x).exp()
}

#[inline]
pub fn gelu<T: Real>(x: T) -> T {
    x * distribution(x)
}

#[inline]
pub fn slope<T: Real>(x: T) -> T {
    distribution(x) + x * density(x)
}
