//! Slices in, slices or sums out.

use super::Direction;
use crate::ops::{CHUNK, LANES, Real, fold_lanes, padded, sum_chunks};
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

/// The numbers of a direction in the type of the elements: its root and quotient dominate, and f64 halves their speed.
#[derive(Clone, Copy)]
struct Rounded<T> {
    correction1: T,
    correction2: T,
    eps: T,
    eps_root: T,
    decay: T,
}

impl<T: Real> Rounded<T> {
    fn new(direction: &Direction) -> Self {
        let Direction { correction1, correction2, eps, eps_root, decay } = *direction;
        let [correction1, correction2, eps, eps_root, decay] =
            [correction1, correction2, eps, eps_root, decay].map(T::narrow);
        Self { correction1, correction2, eps, eps_root, decay }
    }

    /// `u`.
    #[inline(always)]
    fn of(self, x: T, m: T, v: T) -> T {
        let root = (v * self.correction2 + self.eps_root).sqrt();
        m * self.correction1 / (root + self.eps) + self.decay * x
    }
}

fn norms_chunk<T: Real>(x: &[T], m: &[T], v: &[T], direction: &Direction) -> [f64; 2] {
    let direction = Rounded::new(direction);
    let mut lanes = [[0.; LANES]; 2];
    let mut row = |x: &[T; LANES], m: &[T; LANES], v: &[T; LANES]| {
        let u: [T; LANES] = std::array::from_fn(|lane| direction.of(x[lane], m[lane], v[lane]));
        for lane in 0..LANES {
            lanes[0][lane] += x[lane].widen() * x[lane].widen();
            lanes[1][lane] += u[lane].widen() * u[lane].widen();
        }
    };
    let ((xs, x_rest), (ms, m_rest), (vs, v_rest)) = (x.as_chunks(), m.as_chunks(), v.as_chunks());
    xs.iter().zip(ms.iter().zip(vs)).for_each(|(x, (m, v))| row(x, m, v));
    row(&padded(x_rest), &padded(m_rest), &padded(v_rest));
    fold_lanes(lanes)
}

fn descend_chunk<T: Real>(x: &mut [T], m: &[T], v: &[T], direction: &Direction, shrink: f64, rate: f64) {
    let direction = Rounded::new(direction);
    let keep = 1. - shrink;
    for (x, (&m, &v)) in x.iter_mut().zip(m.iter().zip(v)) {
        *x = T::narrow(keep * x.widen() - rate * direction.of(*x, m, v).widen());
    }
}
