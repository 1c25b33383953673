//! Slices in, slices out.

use crate::ops::{CHUNK, Real, Rows, vectorize};
use rayon::prelude::*;

/// `x ← (1 − decay)·x − rate·g`.
pub(super) fn scaled_add<T: Real>(x: &mut [T], g: &[T], decay: f64, rate: f64) {
    let chunk = |(x, g): (&mut [T], &[T])| vectorize!([x] scaled_add_chunk(x, g, 1. - decay, rate));
    if x.len() <= CHUNK {
        return chunk((x, g));
    }
    x.par_chunks_mut(CHUNK).zip(g.par_chunks(CHUNK)).for_each(chunk);
}

/// The same for a gradient that is zero but in a few rows, bit for bit: the other rows only decay.
pub(super) fn scaled_add_rows<T: Real>(x: &mut [T], g: Rows<T>, decay: f64, rate: f64) {
    x.par_chunks_mut(CHUNK).enumerate().for_each(|(i, x)| {
        let start = i * CHUNK;
        let parts = g.within(start..start + x.len());
        vectorize!([x, parts] rows_chunk(x, parts, 1. - decay, rate))
    });
}

#[inline(always)]
fn scaled_add_chunk<T: Real>(x: &mut [T], g: &[T], keep: f64, rate: f64) {
    x.iter_mut().zip(g).for_each(|(x, g)| *x = T::narrow(keep * x.widen() - rate * g.widen()));
}

#[inline(always)]
fn rows_chunk<'a, T: Real + 'a>(
    x: &mut [T],
    parts: impl Iterator<Item = (usize, &'a [T])>,
    keep: f64,
    rate: f64,
) {
    let mut done = 0;
    for (at, g) in parts {
        let (between, row) = x[done..at + g.len()].split_at_mut(at - done);
        shrink(between, keep);
        scaled_add_chunk(row, g, keep, rate);
        done = at + g.len();
    }
    shrink(&mut x[done..], keep);
}

#[inline(always)]
fn shrink<T: Real>(x: &mut [T], keep: f64) {
    x.iter_mut().for_each(|x| *x = T::narrow(keep * x.widen()));
}
