use candle_core::{Result, Tensor};
use cukernel::simd::vectorize;
use rayon::prelude::*;

use crate::compute::buffer::{Values, tensor, uninit, written};
use crate::compute::by_float;
use crate::compute::lanes::{sums, sums2};
use crate::compute::real::Real;
use crate::compute::row_sums::{TASK, for_each_row};
use crate::ops::op::width;
use crate::tape::{Backward, Sink};

/// The backward pass needs the result and the `1 / σ` of every row. The gradient is added to that of the residual stream,
/// where it is there already.
pub fn normalize([x]: [Tensor; 1], _: ()) -> Result<(Tensor, impl Backward)> {
    let width = width(&x);
    let (y, inverses) = by_float!("normalize", x.dtype(), T => {
        let (y, inverses) = forward::<T>(Values::of(&x).slice()?, width);
        (tensor(y, x.shape())?, inverses)
    });
    let kept = y.clone();
    let backward = move |dy: &Tensor, sink: &mut Sink| {
        let earlier = sink.take_shared(0).map(|earlier| earlier.contiguous()).transpose()?;
        let dx = by_float!("normalize", kept.dtype(), T => {
            let ([ys, dys], earlier) = ([&kept, dy].map(Values::of), earlier.as_ref().map(Values::of));
            let earlier = earlier.as_ref().map(Values::slice).transpose()?;
            tensor(backward::<T>(ys.slice()?, &inverses, dys.slice()?, earlier, width), kept.shape())
        })?;
        sink.add_own(0, dx)
    };
    Ok((y, backward))
}

/// Mean and inverse standard deviation of a row.
#[derive(Clone, Copy)]
pub struct Moments {
    mean: f64,
    inverse: f64,
}

impl Moments {
    /// `1 / √(σ² + ε)`; without ε `1 / σ`, or zero for a row that does not vary.
    #[inline(always)]
    pub fn of<T: Real>(x: &[T], eps: Option<f64>) -> Self {
        let first = first(x);
        let sums = sums(
            x,
            #[inline(always)]
            |x| powers(x.wide() - first),
        );
        Self::new(first, sums, x.len(), eps)
    }

    /// From the first element and the sums of the powers of the others' distances to it.
    ///
    /// A constant row has exactly zero variance. The difference of the squares loses no more than the last digits:
    /// an element is within `√n` deviations of the mean.
    #[inline(always)]
    fn new(first: f64, [sum, squares]: [f64; 2], n: usize, eps: Option<f64>) -> Self {
        let n = n as f64;
        let mean = sum / n;
        let variance = (squares - mean * sum) / n;
        let inverse = match eps {
            Some(eps) => 1. / (variance + eps).sqrt(),
            None if variance > 0. || variance.is_nan() => 1. / variance.sqrt(),
            None => 0.,
        };
        Self { mean: first + mean, inverse }
    }

    /// `(x − μ) / σ`, for one element.
    #[inline(always)]
    pub fn normalize<T: Real>(self, x: T) -> f64 {
        (x.wide() - self.mean) * self.inverse
    }
}

#[inline(always)]
fn first<T: Real>(x: &[T]) -> f64 {
    x.first().map_or(0., |x| x.wide())
}

#[inline(always)]
fn powers(x: f64) -> [f64; 2] {
    [x, x * x]
}

/// The gradient of a row: `dx = (dy − mean(dy) − y · mean(dy ∘ y)) / σ`.
pub struct RowGradient {
    moments: Moments,
    mean: f64,
    dot: f64,
}

impl RowGradient {
    /// Reads `x` and `dy` once.
    #[inline(always)]
    pub fn of<T: Real>(x: &[T], dy: &[T], eps: Option<f64>) -> Self {
        let first = first(x);
        let [sum, squares, dy_sum, products] = sums2(
            x,
            dy,
            #[inline(always)]
            |x, dy| {
                let [x, square] = powers(x.wide() - first);
                [x, square, dy.wide(), x * dy.wide()]
            },
        );
        let n = x.len() as f64;
        let moments = Moments::new(first, [sum, squares], x.len(), eps);
        let dot = (products - sum / n * dy_sum) / n * moments.inverse;
        Self { moments, mean: dy_sum / n, dot }
    }

    /// One element of the gradient, and of the normalised row.
    #[inline(always)]
    pub fn at<T: Real>(&self, x: T, dy: f64) -> (T, f64) {
        let y = self.moments.normalize(x);
        (T::narrow((dy - self.mean - y * self.dot) * self.moments.inverse), y)
    }
}

/// The normalised rows and the `1 / σ` of each.
fn forward<T: Real>(x: &[T], width: usize) -> (Vec<T>, Vec<f64>) {
    let width = width.max(1);
    let (mut y, mut inverses) = (uninit(x.len()), vec![0.; x.len() / width]);
    let rows = (TASK / width).max(1);
    y.par_chunks_mut(rows * width).zip(inverses.par_chunks_mut(rows)).enumerate().for_each(
        |(task, (y, inverses))| {
            let x = &x[task * rows * width..][..y.len()];
            vectorize(
                #[inline(always)]
                || {
                    for ((y, x), inverse) in y.chunks_mut(width).zip(x.chunks(width)).zip(inverses) {
                        let moments = Moments::of(x, None);
                        for (y, &x) in y.iter_mut().zip(x) {
                            y.write(T::narrow(moments.normalize(x)));
                        }
                        *inverse = moments.inverse;
                    }
                },
            );
        },
    );
    // SAFETY: `x` has whole rows, and each is written.
    (unsafe { written(y) }, inverses)
}

/// `dx = (dy − mean(dy) − y · mean(dy ∘ y)) / σ`, from the normalised rows, added to an earlier gradient if there is any.
fn backward<T: Real>(y: &[T], inverses: &[f64], dy: &[T], earlier: Option<&[T]>, width: usize) -> Vec<T> {
    let mut dx = uninit(y.len());
    for_each_row(
        &mut dx,
        width,
        #[inline(always)]
        |row, dx| {
            let (y, dy) = (&y[row * width..][..width], &dy[row * width..][..width]);
            let sums: [f64; 2] = sums2(
                y,
                dy,
                #[inline(always)]
                |y, dy| [dy.wide(), y.wide() * dy.wide()],
            );
            let ([mean, dot], inverse) = (sums.map(|sum| sum / width as f64), inverses[row]);
            let gradient = |y: T, dy: T| T::narrow((dy.wide() - mean - y.wide() * dot) * inverse);
            let rows = dx.iter_mut().zip(y.iter().zip(dy));
            match earlier.map(|earlier| &earlier[row * width..][..width]) {
                Some(earlier) => {
                    for ((dx, (&y, &dy)), &earlier) in rows.zip(earlier) {
                        dx.write(earlier + gradient(y, dy));
                    }
                }
                None => {
                    for (dx, (&y, &dy)) in rows {
                        dx.write(gradient(y, dy));
                    }
                }
            }
        },
    );
    // SAFETY: each row is written whole: `y`, `dy` and what is added are as wide.
    unsafe { written(dx) }
}
