//! Slices in, sums out.

use crate::ops::{LANES, Real, fold_lanes, sum_chunks};

/// `[‖x‖², ⟨x, g⟩, ‖g‖²]`.
pub(super) fn dots<T: Real>(x: &[T], g: &[T]) -> [f64; 3] {
    sum_chunks(x.len(), |range| dots_chunk(&x[range.clone()], &g[range]))
}

fn dots_chunk<T: Real>(x: &[T], g: &[T]) -> [f64; 3] {
    let mut lanes = [[0.; LANES]; 3];
    for (x, g) in x.chunks(LANES).zip(g.chunks(LANES)) {
        for (lane, (x, g)) in x.iter().zip(g).enumerate() {
            let (x, g) = (x.widen(), g.widen());
            lanes[0][lane] += x * x;
            lanes[1][lane] += x * g;
            lanes[2][lane] += g * g;
        }
    }
    fold_lanes(lanes)
}
