//! Slices in, slices or sums out.

use super::Direction;
use crate::ops::{CHUNK, LANES, Real, fold_lanes, sum_chunks};
use rayon::prelude::*;

/// `[‖x‖², ‖u‖²]`, with `moments` the two halves `m` and `v`.
pub(super) fn squared_norms<T: Real>(x: &[T], moments: &[T], direction: &Direction) -> [f64; 2] {
    let (m, v) = moments.split_at(x.len());
    sum_chunks(x.len(), |range| norms_chunk(&x[range.clone()], &m[range.clone()], &v[range], direction))
}

/// `x ← (1 − shrink)·x − rate·u`.
pub(super) fn descend<T: Real>(x: &mut [T], moments: &[T], direction: &Direction, shrink: f64, rate: f64) {
    let (m, v) = moments.split_at(x.len());
    if x.len() <= CHUNK {
        return descend_chunk(x, m, v, direction, shrink, rate);
    }
    x.par_chunks_mut(CHUNK)
        .zip(m.par_chunks(CHUNK).zip(v.par_chunks(CHUNK)))
        .for_each(|(x, (m, v))| descend_chunk(x, m, v, direction, shrink, rate));
}

impl Direction {
    #[inline(always)]
    fn of(&self, x: f64, m: f64, v: f64) -> f64 {
        let root = (v * self.correction2 + self.eps_root).sqrt();
        m * self.correction1 / (root + self.eps) + self.decay * x
    }
}

fn norms_chunk<T: Real>(x: &[T], m: &[T], v: &[T], direction: &Direction) -> [f64; 2] {
    let mut lanes = [[0.; LANES]; 2];
    for (x, (m, v)) in x.chunks(LANES).zip(m.chunks(LANES).zip(v.chunks(LANES))) {
        for (lane, (x, (m, v))) in x.iter().zip(m.iter().zip(v)).enumerate() {
            let x = x.widen();
            let u = direction.of(x, m.widen(), v.widen());
            lanes[0][lane] += x * x;
            lanes[1][lane] += u * u;
        }
    }
    fold_lanes(lanes)
}

fn descend_chunk<T: Real>(x: &mut [T], m: &[T], v: &[T], direction: &Direction, shrink: f64, rate: f64) {
    let keep = 1. - shrink;
    for (x, (m, v)) in x.iter_mut().zip(m.iter().zip(v)) {
        let wide = x.widen();
        *x = T::narrow(keep * wide - rate * direction.of(wide, m.widen(), v.widen()));
    }
}
