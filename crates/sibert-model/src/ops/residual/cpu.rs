use candle_core::{Result, Tensor};

use super::Branch;
use crate::compute::buffer::{Values, tensor};
use crate::compute::by_float;
use crate::compute::real::Real;
use crate::compute::row_sums::map2;
use crate::ops::dropout::cpu::{combine, combine_rows};
use crate::ops::dropout::mask::Mask;
use crate::ops::op::width;
use crate::tape::{Backward, Sink};

pub fn residual([x, y]: [Tensor; 2], branch: Branch) -> Result<(Tensor, impl Backward)> {
    let z = by_float!("residual", x.dtype(), T => {
        let (xs, ys) = (Values::of(&x), Values::of(&y));
        tensor(branch.join(xs.slice::<T>()?, ys.slice()?, width(&x), add), x.shape())
    })?;
    let backward = move |dz: &Tensor, sink: &mut Sink| {
        let dy = branch.gradient(dz)?;
        sink.add(0, dz.clone())?;
        sink.add(1, dy)
    };
    Ok((z, backward))
}

impl Branch {
    /// `f(x, y m / (1 − p))`, for rows of `width`.
    fn join<T: Real>(&self, x: &[T], y: &[T], width: usize, f: impl Fn(T, T) -> T + Sync) -> Vec<T> {
        let offset = self.draws.offset;
        let mask = Mask::new(self.draws.p, self.draws.key);
        match &self.rows {
            _ if self.draws.p == 0. => map2(x, y, f),
            None => combine(x, y, mask, offset, f),
            Some(ids) => combine_rows(x, y, mask, width, |row| offset + ids[row] as usize * width, f),
        }
    }

    /// `dz ∘ m / (1 − p)`; without dropout `dz` itself, no copy.
    fn gradient(&self, dz: &Tensor) -> Result<Tensor> {
        if self.draws.p == 0. {
            return Ok(dz.clone());
        }
        by_float!("residual", dz.dtype(), T => {
            let values = Values::of(dz);
            let dz = values.slice::<T>()?;
            let dropped = self.join(
                dz,
                dz,
                values.shape().dims().last().copied().unwrap_or(1),
                #[inline(always)]
                |_, dropped| dropped,
            );
            tensor(dropped, values.shape())
        })
    }
}

/// The sum of two elements.
#[inline(always)]
fn add<T: Real>(x: T, y: T) -> T {
    x + y
}
