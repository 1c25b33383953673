//! Loops over rows and sums across them, in an order that the number of threads does not change.

use std::mem::MaybeUninit;

use half::bf16;
use rayon::prelude::*;

use super::buffer::{uninit, written};
use super::real::Real;
use cukernel::simd::vectorize;

/// Elements that one task works on at least, so that starting it costs nothing beside the work.
pub const TASK: usize = 8192;

/// Calls `f(start, rows)` for blocks of whole rows of `out`, `start` being the index of a block's first element.
pub fn for_each_block<T: Send>(out: &mut [T], width: usize, f: impl Fn(usize, &mut [T]) + Sync) {
    let block = (TASK / width.max(1)).max(1) * width.max(1);
    out.par_chunks_mut(block).enumerate().for_each(|(index, rows)| f(index * block, rows));
}

/// Calls `f(index, row)` for every row of `out`, in parallel, within `vectorize`.
///
/// A closure passed here, and what it calls, is `#[inline(always)]`, and loops by `for`: the bodies of the standard
/// library's `for_each` and `fold` are not always inlined, and then compiled for the oldest processor.
pub fn for_each_row<T: Send>(out: &mut [T], width: usize, f: impl Fn(usize, &mut [T]) + Sync) {
    let width = width.max(1);
    for_each_block(out, width, |start, rows| {
        vectorize(
            #[inline(always)]
            || {
                for (index, row) in (start / width..).zip(rows.chunks_mut(width)) {
                    f(index, row);
                }
            },
        );
    });
}

/// `y[i] = f(x[i])`, in parallel.
pub fn map<T: Real>(x: &[T], f: impl Fn(T) -> T + Sync) -> Vec<T> {
    let mut y = uninit(x.len());
    for_each_row(
        &mut y,
        TASK,
        #[inline(always)]
        |task, y| {
            let x = &x[task * TASK..][..y.len()];
            for (y, &x) in y.iter_mut().zip(x) {
                y.write(f(x));
            }
        },
    );
    // SAFETY: each task writes the whole of its part, whose elements `x` has too.
    unsafe { written(y) }
}

/// `z[i] = f(x[i], y[i])`, in parallel.
pub fn map2<T: Real>(x: &[T], y: &[T], f: impl Fn(T, T) -> T + Sync) -> Vec<T> {
    let mut z = uninit(x.len());
    for_each_row(
        &mut z,
        TASK,
        #[inline(always)]
        |task, z| {
            let range = task * TASK..task * TASK + z.len();
            let (x, y) = (&x[range.clone()], &y[range]);
            for (z, (&x, &y)) in z.iter_mut().zip(x.iter().zip(y)) {
                z.write(f(x, y));
            }
        },
    );
    // SAFETY: each task writes the whole of its part, whose elements `x` and `y` have too.
    unsafe { written(z) }
}

/// Rows that are added up by one task of a sum across rows; a function of the width only, so that the sum is too.
pub fn rows_per_sum(width: usize) -> usize {
    (8 * TASK / width.max(1)).clamp(16, 64)
}

/// The sum of vectors of `width` elements, in order.
pub fn in_order<T: Real>(vectors: impl IntoIterator<Item = Vec<T>>, width: usize) -> Vec<T> {
    let mut vectors = vectors.into_iter();
    let mut total = vectors.next().unwrap_or_else(|| vec![T::zero(); width]);
    for vector in vectors {
        vectorize(
            #[inline(always)]
            || {
                for (total, &term) in total.iter_mut().zip(&vector) {
                    *total += term;
                }
            },
        );
    }
    total
}

/// `Σ_rows x`, for x (…, width): four rows are added before they are added to the sum.
pub fn column_sums<T: Real>(x: &[T], width: usize) -> Vec<T> {
    in_order(x.par_chunks(block(width)).map(|x| block_sum(x, width)).collect::<Vec<_>>(), width)
}

/// The same for numbers in bfloat16, added as T.
pub fn column_sums_of_bf16<T: Real>(x: &[bf16], width: usize) -> Vec<T> {
    let sum = |x| block_sum_of(x, width, T::of_bf16);
    in_order(x.par_chunks(block(width)).map(sum).collect::<Vec<_>>(), width)
}

/// The same for rows that `write` writes, block by block from their first element on, while they are in a cache.
pub fn written_column_sums<T: Real>(
    x: &mut [MaybeUninit<T>],
    width: usize,
    write: impl for<'a> Fn(usize, &'a mut [MaybeUninit<T>]) -> &'a [T] + Sync,
) -> Vec<T> {
    let sum = |(index, x): (usize, _)| block_sum(write(index * block(width), x), width);
    in_order(x.par_chunks_mut(block(width)).enumerate().map(sum).collect::<Vec<_>>(), width)
}

/// The same of rows that `change` changes first, block by block from their first element on.
pub fn changed_column_sums<T: Real>(
    x: &mut [T],
    width: usize,
    change: impl Fn(usize, &mut [T]) + Sync,
) -> Vec<T> {
    let sum = |(index, x): (usize, &mut [T])| {
        change(index * block(width), x);
        block_sum(x, width)
    };
    in_order(x.par_chunks_mut(block(width)).enumerate().map(sum).collect::<Vec<_>>(), width)
}

/// Elements of a block of rows that is summed by itself.
fn block(width: usize) -> usize {
    rows_per_sum(width) * width.max(1)
}

fn block_sum<T: Real>(x: &[T], width: usize) -> Vec<T> {
    block_sum_of(
        x,
        width,
        #[inline(always)]
        |x| x,
    )
}

/// The sum of rows of numbers that are `f` of others.
fn block_sum_of<X: Copy, T: Real>(x: &[X], width: usize, f: impl Fn(X) -> T) -> Vec<T> {
    let mut sum = vec![T::zero(); width];
    vectorize(
        #[inline(always)]
        || add_rows(x, &mut sum, f),
    );
    sum
}

#[inline(always)]
fn add_rows<X: Copy, T: Real>(x: &[X], sum: &mut [T], f: impl Fn(X) -> T) {
    let width = sum.len();
    let mut quads = x.chunks_exact(4 * width);
    for quad in &mut quads {
        let (ab, cd) = quad.split_at(2 * width);
        let ((a, b), (c, d)) = (ab.split_at(width), cd.split_at(width));
        for ((sum, (&a, &b)), (&c, &d)) in sum.iter_mut().zip(a.iter().zip(b)).zip(c.iter().zip(d)) {
            *sum += (f(a) + f(b)) + (f(c) + f(d));
        }
    }
    for row in quads.remainder().chunks_exact(width) {
        for (sum, &x) in sum.iter_mut().zip(row) {
            *sum += f(x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::word;

    /// Whole numbers, whose sums are exact in any order.
    fn sample(len: usize) -> Vec<f32> {
        (0..len as u64).map(|i| (word(1, i) >> 56) as f32 - 100.).collect()
    }

    #[test]
    fn column_sums_take_every_row() {
        for (rows, width) in [(0, 5), (1, 1), (3, 37), (64, 7), (333, 130), (70, 9000)] {
            let x = sample(rows * width);
            let expected: Vec<f32> =
                (0..width).map(|column| (0..rows).map(|row| x[row * width + column]).sum()).collect();
            assert_eq!(column_sums(&x, width), expected);
            let short: Vec<bf16> = x.iter().map(|&x| bf16::from_f32(x)).collect(); // exactly
            assert_eq!(column_sums_of_bf16::<f32>(&short, width), expected);
            let mut copy = uninit(x.len());
            let sums = written_column_sums(&mut copy, width, |start, part| {
                let from = &x[start..start + part.len()];
                part.write_copy_of_slice(from)
            });
            assert_eq!(sums, expected);
            // SAFETY: the parts make up the copy.
            assert_eq!(unsafe { written(copy) }, x);
        }
    }
}
