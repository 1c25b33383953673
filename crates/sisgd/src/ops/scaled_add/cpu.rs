//! Slices in, slices out.

use crate::ops::{CHUNK, Real};
use rayon::prelude::*;

/// `x ← (1 − decay)·x − rate·g`.
pub(super) fn scaled_add<T: Real>(x: &mut [T], g: &[T], decay: f64, rate: f64) {
    if x.len() <= CHUNK {
        return scaled_add_chunk(x, g, decay, rate);
    }
    x.par_chunks_mut(CHUNK).zip(g.par_chunks(CHUNK)).for_each(|(x, g)| scaled_add_chunk(x, g, decay, rate));
}

fn scaled_add_chunk<T: Real>(x: &mut [T], g: &[T], decay: f64, rate: f64) {
    let keep = 1. - decay;
    x.iter_mut().zip(g).for_each(|(x, g)| *x = T::narrow(keep * x.widen() - rate * g.widen()));
}
