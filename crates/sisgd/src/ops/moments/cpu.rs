//! Slices in, slices out.

use super::Accumulate;
use crate::ops::{CHUNK, Real};
use rayon::prelude::*;

/// Updates `m` and `v`, the two halves of `moments`.
pub(super) fn accumulate<T: Real>(moments: &mut [T], g: &[T], x: &[T], op: &Accumulate) {
    let (m, v) = moments.split_at_mut(g.len());
    if g.len() <= CHUNK {
        return accumulate_chunk(m, v, g, x, op);
    }
    m.par_chunks_mut(CHUNK)
        .zip(v.par_chunks_mut(CHUNK))
        .zip(g.par_chunks(CHUNK).zip(x.par_chunks(CHUNK)))
        .for_each(|((m, v), (g, x))| accumulate_chunk(m, v, g, x, op));
}

fn accumulate_chunk<T: Real>(m: &mut [T], v: &mut [T], g: &[T], x: &[T], op: &Accumulate) {
    let Accumulate { beta1, beta2, weight, scale, l2 } = *op;
    for ((m, v), (g, x)) in m.iter_mut().zip(v).zip(g.iter().zip(x)) {
        let g = scale * g.widen() + l2 * x.widen();
        *m = T::narrow(beta1 * m.widen() + weight * g);
        *v = T::narrow(beta2 * v.widen() + (1. - beta2) * g * g);
    }
}
