//! Loops over rows and sums along and across them, in an order that the number of threads does not change.

use rayon::prelude::*;

use super::real::Real;

/// Elements that one task works on at least, so that starting it costs nothing beside the work.
const TASK: usize = 8192;

/// Rows that are added up by one task of a sum across rows; fixed, so that the sum is too.
const ROWS_PER_SUM: usize = 64;

/// Calls `f(index, row)` for every row of `out`, in parallel.
pub fn for_each_row<T: Send>(out: &mut [T], width: usize, f: impl Fn(usize, &mut [T]) + Sync) {
    let width = width.max(1);
    out.par_chunks_mut(width)
        .with_min_len((TASK / width).max(1))
        .enumerate()
        .for_each(|(index, row)| f(index, row));
}

/// `y[i] = f(x[i])`, in parallel.
pub fn map<T: Real>(x: &[T], f: impl Fn(T) -> T + Sync) -> Vec<T> {
    let mut y = vec![T::zero(); x.len()];
    y.par_chunks_mut(TASK)
        .zip(x.par_chunks(TASK))
        .for_each(|(y, x)| y.iter_mut().zip(x).for_each(|(y, &x)| *y = f(x)));
    y
}

/// `z[i] = f(x[i], y[i])`, in parallel.
pub fn map2<T: Real>(x: &[T], y: &[T], f: impl Fn(T, T) -> T + Sync) -> Vec<T> {
    let mut z = vec![T::zero(); x.len()];
    z.par_chunks_mut(TASK)
        .zip(x.par_chunks(TASK).zip(y.par_chunks(TASK)))
        .for_each(|(z, (x, y))| z.iter_mut().zip(x.iter().zip(y)).for_each(|(z, (&x, &y))| *z = f(x, y)));
    z
}

/// `Σ f(x)` in sixteen interleaved sums of the accumulator's type.
#[inline]
pub fn sum<T: Real, A: Real>(x: &[T], f: impl Fn(T) -> A) -> A {
    let (body, tail) = x.as_chunks::<16>();
    let mut lanes = [A::zero(); 16];
    for x in body {
        lanes.iter_mut().zip(x).for_each(|(lane, &x)| *lane += f(x));
    }
    lanes.iter_mut().zip(tail).for_each(|(lane, &x)| *lane += f(x));
    fold(lanes)
}

/// `Σ f(x, y)` in sixteen interleaved sums of the accumulator's type.
#[inline]
pub fn sum2<T: Real, A: Real>(x: &[T], y: &[T], f: impl Fn(T, T) -> A) -> A {
    let ((x, x_tail), (y, y_tail)) = (x.as_chunks::<16>(), y.as_chunks::<16>());
    let mut lanes = [A::zero(); 16];
    for (x, y) in x.iter().zip(y) {
        lanes.iter_mut().zip(x.iter().zip(y)).for_each(|(lane, (&x, &y))| *lane += f(x, y));
    }
    lanes.iter_mut().zip(x_tail.iter().zip(y_tail)).for_each(|(lane, (&x, &y))| *lane += f(x, y));
    fold(lanes)
}

#[inline]
fn fold<A: Real>(lanes: [A; 16]) -> A {
    lanes.iter().fold(A::zero(), |sum, &lane| sum + lane)
}

/// `Σ_r term(r)` over vectors of `width` elements, where `add(r, sum)` adds the `r`-th term to `sum`.
///
/// Sums of sixty-four rows are made in parallel and then added in order.
pub fn sum_rows<T: Real>(rows: usize, width: usize, add: impl Fn(usize, &mut [T]) + Sync) -> Vec<T> {
    let partial = |chunk: usize| {
        let mut sum = vec![T::zero(); width];
        let start = chunk * ROWS_PER_SUM;
        (start..rows.min(start + ROWS_PER_SUM)).for_each(|row| add(row, &mut sum));
        sum
    };
    let partials: Vec<Vec<T>> = (0..rows.div_ceil(ROWS_PER_SUM)).into_par_iter().map(partial).collect();
    let mut total = vec![T::zero(); width];
    for partial in partials {
        total.iter_mut().zip(partial).for_each(|(total, partial)| *total += partial);
    }
    total
}

/// The mask, of shape (batch, width), of one of the rows of scores of shape (batch, …, width).
#[inline]
pub fn keep_row<T>(keep: &[T], row: usize, len: usize, width: usize) -> &[T] {
    let rows_per_sequence = len / keep.len();
    &keep[row / rows_per_sequence * width..][..width]
}
