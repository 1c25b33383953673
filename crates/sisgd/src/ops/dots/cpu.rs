//! Slices in, sums out.

use crate::ops::{LANES, Real, fold_lanes, padded, sum_chunks};

/// `[‖x‖², ⟨x, g⟩, ‖g‖²]`.
pub(super) fn dots<T: Real>(x: &[T], g: &[T]) -> [f64; 3] {
    sum_chunks(x.len(), |range| dots_chunk(&x[range.clone()], &g[range]))
}

fn dots_chunk<T: Real>(x: &[T], g: &[T]) -> [f64; 3] {
    let mut lanes = [[0.; LANES]; 3];
    let mut row = |x: &[T; LANES], g: &[T; LANES]| {
        for lane in 0..LANES {
            let (x, g) = (x[lane].widen(), g[lane].widen());
            lanes[0][lane] += x * x;
            lanes[1][lane] += x * g;
            lanes[2][lane] += g * g;
        }
    };
    let ((xs, x_rest), (gs, g_rest)) = (x.as_chunks(), g.as_chunks());
    xs.iter().zip(gs).for_each(|(x, g)| row(x, g));
    row(&padded(x_rest), &padded(g_rest));
    fold_lanes(lanes)
}
