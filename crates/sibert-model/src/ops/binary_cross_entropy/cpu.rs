use candle_core::{Result, Tensor};

use crate::compute::buffer::{Values, tensor};
use crate::compute::by_float;
use crate::compute::real::Real;
use crate::compute::row_sums::map2;
use crate::tape::{Backward, Sink};

pub fn binary_cross_entropy([x]: [Tensor; 1], target: Tensor) -> Result<(Tensor, impl Backward)> {
    let target = target.contiguous()?;
    let loss = by_float!("binary_cross_entropy", x.dtype(), T => {
        let (xs, targets) = (Values::of(&x), Values::of(&target));
        let pairs = xs.slice::<T>()?.iter().zip(targets.slice::<T>()?);
        let loss = pairs.map(|(x, target)| softplus(x.wide()) - target.wide() * x.wide()).sum();
        tensor(vec![T::narrow(loss)], ())
    })?;
    let backward = move |dloss: &Tensor, sink: &mut Sink| {
        let dx = by_float!("binary_cross_entropy", x.dtype(), T => {
            let (xs, targets) = (Values::of(&x), Values::of(&target));
            let dloss = dloss.to_scalar::<T>()?;
            let slope = |x: T, target: T| dloss * (T::narrow(1. / (1. + (-x.wide()).exp())) - target);
            tensor(map2(xs.slice::<T>()?, targets.slice::<T>()?, slope), x.shape())
        })?;
        sink.add(0, dx)
    };
    Ok((loss, backward))
}

/// `log(1 + eˣ)`, which no `x` overflows.
fn softplus(x: f64) -> f64 {
    x.max(0.) + (-x.abs()).exp().ln_1p()
}
