use candle_core::{Result, Tensor};

use crate::compute::buffer::{Values, tensor};
use crate::compute::by_float;
use crate::compute::real::Real;
use crate::compute::row_sums::map2;
use crate::tape::{Backward, Sink};

pub fn squared_error([x]: [Tensor; 1], target: Tensor) -> Result<(Tensor, impl Backward)> {
    let target = target.contiguous()?;
    let loss = by_float!("squared_error", x.dtype(), T => {
        let (xs, targets) = (Values::of(&x), Values::of(&target));
        let pairs = xs.slice::<T>()?.iter().zip(targets.slice::<T>()?);
        let loss = pairs.map(|(x, target)| (x.wide() - target.wide()).powi(2)).sum();
        tensor(vec![T::narrow(loss)], ())
    })?;
    let backward = move |dloss: &Tensor, sink: &mut Sink| {
        let dx = by_float!("squared_error", x.dtype(), T => {
            let (xs, targets) = (Values::of(&x), Values::of(&target));
            let twice = dloss.to_scalar::<T>()? + dloss.to_scalar::<T>()?;
            let slope = |x, target| twice * (x - target);
            tensor(map2(xs.slice::<T>()?, targets.slice::<T>()?, slope), x.shape())
        })?;
        sink.add(0, dx)
    };
    Ok((loss, backward))
}
