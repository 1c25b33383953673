use std::mem::MaybeUninit;

use candle_core::{Result, Tensor};
use cukernel::simd::vectorize;
use rayon::prelude::*;

use crate::compute::buffer::{Values, tensor, uninit, written};
use crate::compute::by_float;
use crate::compute::real::Real;
use crate::compute::row_sums::{for_each_row, in_order, rows_per_sum};
use crate::ops::normalize::cpu::{Moments, RowGradient};
use crate::tape::{Backward, Sink};

pub fn layer_norm([x, weight, bias]: [Tensor; 3], eps: Option<f64>) -> Result<(Tensor, impl Backward)> {
    let y = by_float!("layer_norm", x.dtype(), T => {
        let [xs, weights, biases] = [&x, &weight, &bias].map(Values::of);
        tensor(forward::<T>(xs.slice()?, weights.slice()?, biases.slice()?, eps), x.shape())
    })?;
    let backward = move |dy: &Tensor, sink: &mut Sink| {
        let gradients = by_float!("layer_norm", x.dtype(), T => {
            let [xs, weights, dys] = [&x, &weight, dy].map(Values::of);
            let [dx, dw, db] = backward::<T>(xs.slice()?, weights.slice()?, dys.slice()?, eps);
            [tensor(dx, x.shape())?, tensor(dw, weight.shape())?, tensor(db, weight.shape())?]
        });
        gradients.into_iter().enumerate().try_for_each(|(i, gradient)| sink.add(i, gradient))
    };
    Ok((y, backward))
}

fn forward<T: Real>(x: &[T], weight: &[T], bias: &[T], eps: Option<f64>) -> Vec<T> {
    let width = weight.len();
    let mut y = uninit(x.len());
    for_each_row(
        &mut y,
        width,
        #[inline(always)]
        |row, y| {
            let x = &x[row * width..][..width];
            let moments = Moments::of(x, eps);
            let affine = weight.iter().zip(bias);
            for ((y, &x), (&w, &b)) in y.iter_mut().zip(x).zip(affine) {
                y.write(T::narrow(moments.normalize(x)) * w + b);
            }
        },
    );
    // SAFETY: each row is written whole: `x`, weight and bias are as wide.
    unsafe { written(y) }
}

/// Rows of `dx`, and of `x` and `dy`.
type Rows<'a, T> = (&'a mut [MaybeUninit<T>], (&'a [T], &'a [T]));

/// The gradients of input, weight and bias, in one pass over `x` and `dy`.
fn backward<T: Real>(x: &[T], weight: &[T], dy: &[T], eps: Option<f64>) -> [Vec<T>; 3] {
    let width = weight.len();
    let block = rows_per_sum(width) * width.max(1);
    let mut dx = uninit(x.len());
    let tasks = dx.par_chunks_mut(block).zip(x.par_chunks(block).zip(dy.par_chunks(block)));
    let partial = |(dx, (x, dy)): Rows<T>| {
        let (mut dweight, mut dbias) = (vec![T::zero(); width], vec![T::zero(); width]);
        vectorize(
            #[inline(always)]
            || backward_rows(x, weight, dy, eps, dx, &mut dweight, &mut dbias),
        );
        (dweight, dbias)
    };
    let (dweights, dbiases): (Vec<_>, Vec<_>) = tasks.map(partial).unzip();
    // SAFETY: the tasks write all rows.
    [unsafe { written(dx) }, in_order(dweights, width), in_order(dbiases, width)]
}

#[inline(always)]
fn backward_rows<T: Real>(
    x: &[T],
    weight: &[T],
    dy: &[T],
    eps: Option<f64>,
    dx: &mut [MaybeUninit<T>],
    dweight: &mut [T],
    dbias: &mut [T],
) {
    let width = weight.len();
    let rows = dx.chunks_exact_mut(width).zip(x.chunks_exact(width).zip(dy.chunks_exact(width)));
    for (dx, (x, dy)) in rows {
        for (dx, (&dy, &w)) in dx.iter_mut().zip(dy.iter().zip(weight)) {
            dx.write(dy * w);
        }
        // SAFETY: `dy` and the weight are as wide as the row.
        let dx = unsafe { dx.assume_init_mut() };
        let gradient = RowGradient::of(x, dx, eps);
        let sums = dweight.iter_mut().zip(dbias.iter_mut());
        for ((dx, (&x, &dy)), (dweight, dbias)) in dx.iter_mut().zip(x.iter().zip(dy)).zip(sums) {
            let (gradient, normal) = gradient.at(x, dx.wide());
            *dx = gradient;
            *dweight += T::narrow(normal) * dy;
            *dbias += dy;
        }
    }
}
