use std::f64::consts::{FRAC_1_SQRT_2, PI};

use crate::ops::real::Real;

/// `Φ(x)` and `φ(x)`, the normal distribution and its density.
#[inline(always)]
fn normal<T: Real>(x: T) -> (T, T) {
    let (erf, bell) = (x * T::narrow(FRAC_1_SQRT_2)).erf_and_bell();
    (T::narrow(0.5) * (T::one() + erf), T::narrow(1. / (2. * PI).sqrt()) * bell)
}

#[inline(always)]
pub fn gelu<T: Real>(x: T) -> T {
    x * normal(x).0
}

#[inline(always)]
pub fn slope<T: Real>(x: T) -> T {
    let (distribution, density) = normal(x);
    distribution + x * density
}
