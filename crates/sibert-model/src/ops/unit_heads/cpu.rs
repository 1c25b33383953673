use candle_core::{Result, Tensor};
use cukernel::simd::vectorize;
use rayon::prelude::*;

use crate::compute::buffer::{Values, tensor, uninit, written};
use crate::compute::by_float;
use crate::compute::lanes::{sum, sums2};
use crate::compute::real::Real;
use crate::compute::row_sums::{TASK, for_each_row};
use crate::tape::{Backward, Sink};

/// The backward pass needs the result and the `1 / ‖x‖` of every head.
pub fn unit_heads([x]: [Tensor; 1], dim: usize) -> Result<(Tensor, impl Backward)> {
    let (y, inverses) = by_float!("unit_heads", x.dtype(), T => {
        let (y, inverses) = forward::<T>(Values::of(&x).slice()?, dim);
        (tensor(y, x.shape())?, inverses)
    });
    let kept = y.clone();
    let backward = move |dy: &Tensor, sink: &mut Sink| {
        let dx = by_float!("unit_heads", kept.dtype(), T => {
            let [ys, dys] = [&kept, dy].map(Values::of);
            tensor(backward::<T>(ys.slice()?, &inverses, dys.slice()?, dim), kept.shape())
        })?;
        sink.add(0, dx)
    };
    Ok((y, backward))
}

/// `1 / ‖x‖`; zero for a row of zeros, NaN for one with a NaN.
#[inline(always)]
fn inverse<T: Real>(x: &[T]) -> f64 {
    let squares: f64 = sum(
        x,
        #[inline(always)]
        |x| x.wide() * x.wide(),
    );
    if squares == 0. { 0. } else { 1. / squares.sqrt() }
}

/// The rows of unit length and the `1 / ‖x‖` of each.
fn forward<T: Real>(x: &[T], dim: usize) -> (Vec<T>, Vec<f64>) {
    let dim = dim.max(1);
    let (mut y, mut inverses) = (uninit(x.len()), vec![0.; x.len() / dim]);
    let rows = (TASK / dim).max(1);
    y.par_chunks_mut(rows * dim).zip(inverses.par_chunks_mut(rows)).zip(x.par_chunks(rows * dim)).for_each(
        |((y, inverses), x)| {
            vectorize(
                #[inline(always)]
                || {
                    for ((y, x), kept) in y.chunks_mut(dim).zip(x.chunks(dim)).zip(inverses) {
                        *kept = inverse(x);
                        for (y, &x) in y.iter_mut().zip(x) {
                            y.write(T::narrow(x.wide() * *kept));
                        }
                    }
                },
            );
        },
    );
    // SAFETY: `x` has whole heads, and each is written.
    (unsafe { written(y) }, inverses)
}

/// `dx = (dy − y ⟨y, dy⟩) / ‖x‖`, from the rows of unit length.
fn backward<T: Real>(y: &[T], inverses: &[f64], dy: &[T], dim: usize) -> Vec<T> {
    let mut dx = uninit(y.len());
    for_each_row(
        &mut dx,
        dim,
        #[inline(always)]
        |row, dx| {
            let (y, dy) = (&y[row * dim..][..dim], &dy[row * dim..][..dim]);
            let [dot]: [f64; 1] = sums2(
                y,
                dy,
                #[inline(always)]
                |y, dy| [y.wide() * dy.wide()],
            );
            let inverse = inverses[row];
            for (dx, (&y, &dy)) in dx.iter_mut().zip(y.iter().zip(dy)) {
                dx.write(T::narrow((dy.wide() - y.wide() * dot) * inverse));
            }
        },
    );
    // SAFETY: each head is written whole: `y` and `dy` are as wide.
    unsafe { written(dx) }
}
