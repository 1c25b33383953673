use candle_core::{Result, Tensor};

use super::Draws;
use super::mask::Mask;
use crate::compute::buffer::{Values, tensor, uninit, written};
use crate::compute::by_float;
use crate::compute::real::Real;
use crate::compute::row_sums::{TASK, for_each_row};
use crate::tape::{Backward, Sink};

/// Dropout is linear and diagonal: the gradient goes through the same mask.
pub fn dropout([x]: [Tensor; 1], draws: Draws) -> Result<(Tensor, impl Backward)> {
    let backward = move |dy: &Tensor, sink: &mut Sink| sink.add(0, dropped(dy, draws)?);
    Ok((dropped(&x, draws)?, backward))
}

fn dropped(x: &Tensor, Draws { p, key, offset }: Draws) -> Result<Tensor> {
    by_float!("dropout", x.dtype(), T => {
        let values = Values::of(x);
        let x = values.slice::<T>()?;
        let dropped = combine(
            x,
            x,
            Mask::new(p, key),
            offset,
            #[inline(always)]
            |_, dropped| dropped,
        );
        tensor(dropped, values.shape())
    })
}

/// `f(x[i], dropped y[i])`, in parallel; the first element is number `offset`.
pub fn combine<T: Real>(x: &[T], y: &[T], mask: Mask, offset: usize, f: impl Fn(T, T) -> T + Sync) -> Vec<T> {
    combine_rows(x, y, mask, TASK, |task| offset + task * TASK, f)
}

/// The same for rows of `width` elements, of which the `i`-th begins with number `first(i)`.
pub fn combine_rows<T: Real>(
    x: &[T],
    y: &[T],
    mask: Mask,
    width: usize,
    first: impl Fn(usize) -> usize + Sync,
    f: impl Fn(T, T) -> T + Sync,
) -> Vec<T> {
    let mut out = uninit(x.len());
    for_each_row(
        &mut out,
        width,
        #[inline(always)]
        |row, out| {
            let start = row * width;
            let (x, y) = (&x[start..][..out.len()], &y[start..][..out.len()]);
            mask.apply_from(first(row), x, y, out, &f);
        },
    );
    // SAFETY: the mask is applied to the whole of each row.
    unsafe { written(out) }
}
