use std::f64::consts::{FRAC_1_SQRT_2, PI};

use candle_core::{Result, Tensor};

use crate::compute::buffer::{Values, tensor};
use crate::compute::by_float;
use crate::compute::real::Real;
use crate::compute::row_sums::{map, map2};
use crate::tape::{Backward, Sink};

pub fn gelu([x]: [Tensor; 1], _: ()) -> Result<(Tensor, impl Backward)> {
    let y = by_float!("gelu", x.dtype(), T => {
        tensor(map::<T>(Values::of(&x).slice()?, product_with_normal), x.shape())
    })?;
    let backward = move |dy: &Tensor, sink: &mut Sink| {
        let dx = by_float!("gelu", x.dtype(), T => {
            let (xs, dys) = (Values::of(&x), Values::of(dy));
            tensor(map2::<T>(xs.slice()?, dys.slice()?, #[inline(always)] |x, dy| dy * slope(x)), x.shape())
        })?;
        sink.add(0, dx)
    };
    Ok((y, backward))
}

/// `Φ(x)` and `φ(x)`, the normal distribution and its density.
#[inline(always)]
fn normal<T: Real>(x: T) -> (T, T) {
    let (erf, bell) = (x * T::narrow(FRAC_1_SQRT_2)).erf_and_bell();
    (T::narrow(0.5) * (T::one() + erf), T::narrow(1. / (2. * PI).sqrt()) * bell)
}

#[inline(always)]
fn product_with_normal<T: Real>(x: T) -> T {
    x * normal(x).0
}

#[inline(always)]
fn slope<T: Real>(x: T) -> T {
    let (distribution, density) = normal(x);
    distribution + x * density
}

pub fn tanh([x]: [Tensor; 1], _: ()) -> Result<(Tensor, impl Backward)> {
    let y = by_float!("tanh", x.dtype(), T => {
        tensor(map::<T>(Values::of(&x).slice()?, |x| T::narrow(x.wide().tanh())), x.shape())
    })?;
    let kept = y.clone();
    let backward = move |dy: &Tensor, sink: &mut Sink| {
        let dx = by_float!("tanh", kept.dtype(), T => {
            let (ys, dys) = (Values::of(&kept), Values::of(dy));
            tensor(map2(ys.slice::<T>()?, dys.slice::<T>()?, |y, dy| dy - dy * y * y), kept.shape())
        })?;
        sink.add(0, dx)
    };
    Ok((y, backward))
}
