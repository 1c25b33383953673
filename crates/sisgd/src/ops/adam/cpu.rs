//! Slices in, slices or sums out.

use super::Adam;
use crate::ops::{CHUNK, LANES, Real, fold_lanes, in_order, padded, vectorize};
use rayon::prelude::*;

/// Updates `m` and `v`, the two halves of `moments`; returns `‖u‖²`.
pub(super) fn accumulate<T: Real>(moments: &mut [T], g: &[T], x: &[T], adam: &Adam) -> f64 {
    let (m, v) = moments.split_at_mut(g.len());
    let chunks = m.par_chunks_mut(CHUNK).zip(v.par_chunks_mut(CHUNK));
    let chunks = chunks.zip(g.par_chunks(CHUNK).zip(x.par_chunks(CHUNK)));
    let sums = chunks.map(|((m, v), (g, x))| vectorize!([m, v] accumulate_chunk(m, v, g, x, adam)));
    in_order(sums.collect())[0]
}

/// `x ← (1 − shrink)·x − rate·u`.
pub(super) fn descend<T: Real>(x: &mut [T], moments: &[T], adam: &Adam, shrink: f64, rate: f64) {
    let (m, v) = moments.split_at(x.len());
    x.par_chunks_mut(CHUNK)
        .zip(m.par_chunks(CHUNK).zip(v.par_chunks(CHUNK)))
        .for_each(|(x, (m, v))| vectorize!([x] descend_chunk(x, m, v, adam, shrink, rate)));
}

/// [`accumulate`] and [`descend`] in one.
pub(super) fn step<T: Real>(x: &mut [T], moments: &mut [T], g: &[T], adam: &Adam, shrink: f64, rate: f64) {
    let (m, v) = moments.split_at_mut(g.len());
    m.par_chunks_mut(CHUNK)
        .zip(v.par_chunks_mut(CHUNK))
        .zip(g.par_chunks(CHUNK).zip(x.par_chunks_mut(CHUNK)))
        .for_each(|((m, v), (g, x))| vectorize!([x, m, v] step_chunk(x, m, v, g, adam, shrink, rate)));
}

/// The numbers of a direction in the type of the elements: its root and quotient dominate, and f64 halves their speed.
#[derive(Clone, Copy)]
struct Direction<T> {
    correction1: T,
    correction2: T,
    eps: T,
    eps_root: T,
    decay: T,
}

impl<T: Real> Direction<T> {
    #[inline(always)]
    fn new(adam: &Adam) -> Self {
        Self {
            correction1: T::narrow(adam.correction1),
            correction2: T::narrow(adam.correction2),
            eps: T::narrow(adam.eps),
            eps_root: T::narrow(adam.eps_root),
            decay: T::narrow(adam.decay),
        }
    }

    /// `u`.
    #[inline(always)]
    fn of(self, x: T, m: T, v: T) -> T {
        let root = (v * self.correction2 + self.eps_root).sqrt();
        m * self.correction1 / (root + self.eps) + self.decay * x
    }
}

impl Adam {
    /// The new `m` and `v`.
    #[inline(always)]
    fn moments<T: Real>(&self, m: T, v: T, g: T, x: T) -> (T, T) {
        let mut g = self.scale * g.widen();
        if self.l2 != 0. {
            g += self.l2 * x.widen(); // an eighth of the loop's time
        }
        let m = T::narrow(self.beta1 * m.widen() + self.weight * g);
        (m, T::narrow(self.beta2 * v.widen() + (1. - self.beta2) * g * g))
    }
}

#[inline(always)]
fn accumulate_chunk<T: Real>(m: &mut [T], v: &mut [T], g: &[T], x: &[T], adam: &Adam) -> [f64; 1] {
    let (adam, direction) = (*adam, Direction::new(adam));
    let mut sums = [[0.; LANES]];
    let ((ms, m_rest), (vs, v_rest)) = (m.as_chunks_mut(), v.as_chunks_mut());
    let ((gs, g_rest), (xs, x_rest)) = (g.as_chunks(), x.as_chunks());
    for ((m, v), (g, x)) in ms.iter_mut().zip(vs).zip(gs.iter().zip(xs)) {
        accumulate_row(&mut sums[0], m, v, g, x, adam, direction);
    }
    let (mut m, mut v) = (padded(m_rest), padded(v_rest));
    accumulate_row(&mut sums[0], &mut m, &mut v, &padded(g_rest), &padded(x_rest), adam, direction);
    m_rest.copy_from_slice(&m[..m_rest.len()]);
    v_rest.copy_from_slice(&v[..v_rest.len()]);
    fold_lanes(sums)
}

#[inline(always)]
fn accumulate_row<T: Real>(
    sums: &mut [f64; LANES],
    m: &mut [T; LANES],
    v: &mut [T; LANES],
    g: &[T; LANES],
    x: &[T; LANES],
    adam: Adam,
    direction: Direction<T>,
) {
    for lane in 0..LANES {
        (m[lane], v[lane]) = adam.moments(m[lane], v[lane], g[lane], x[lane]);
        let u = direction.of(x[lane], m[lane], v[lane]).widen();
        sums[lane] += u * u;
    }
}

#[inline(always)]
fn descend_chunk<T: Real>(x: &mut [T], m: &[T], v: &[T], adam: &Adam, shrink: f64, rate: f64) {
    let (direction, keep) = (Direction::new(adam), 1. - shrink);
    for (x, (&m, &v)) in x.iter_mut().zip(m.iter().zip(v)) {
        *x = T::narrow(keep * x.widen() - rate * direction.of(*x, m, v).widen());
    }
}

#[inline(always)]
fn step_chunk<T: Real>(x: &mut [T], m: &mut [T], v: &mut [T], g: &[T], adam: &Adam, shrink: f64, rate: f64) {
    let (adam, direction, keep) = (*adam, Direction::new(adam), 1. - shrink);
    for ((x, &g), (m, v)) in x.iter_mut().zip(g).zip(m.iter_mut().zip(v)) {
        (*m, *v) = adam.moments(*m, *v, g, *x);
        *x = T::narrow(keep * x.widen() - rate * direction.of(*x, *m, *v).widen());
    }
}
