//! Slices in, sums out.

use crate::ops::{LANES, Real, Rows, fold_lanes, padded, sum_chunks};

/// `[‖x‖², ⟨x, g⟩, ‖g‖²]`.
pub(super) fn dots<T: Real>(x: &[T], g: &[T]) -> [f64; 3] {
    sum_chunks(
        x.len(),
        #[inline(always)]
        |range| dots_chunk(&x[range.clone()], &g[range]),
    )
}

/// The same for a gradient that is zero but in a few rows, bit for bit: adding a zero to a sum does not change it.
pub(super) fn dots_rows<T: Real>(x: &[T], g: Rows<T>) -> [f64; 3] {
    sum_chunks(
        x.len(),
        #[inline(always)]
        |range| rows_chunk(&x[range.clone()], g.within(range)),
    )
}

#[inline(always)]
fn dots_chunk<T: Real>(x: &[T], g: &[T]) -> [f64; 3] {
    let mut lanes = [[0.; LANES]; 3];
    let ((xs, x_rest), (gs, g_rest)) = (x.as_chunks(), g.as_chunks());
    for (x, g) in xs.iter().zip(gs) {
        add_squares(&mut lanes, x);
        add_products(&mut lanes, x, g);
    }
    let (x, g) = (padded(x_rest), padded(g_rest));
    add_squares(&mut lanes, &x);
    add_products(&mut lanes, &x, &g);
    fold_lanes(lanes)
}

#[inline(always)]
fn rows_chunk<'a, T: Real + 'a>(x: &[T], parts: impl Iterator<Item = (usize, &'a [T])>) -> [f64; 3] {
    let (xs, rest) = x.as_chunks();
    let mut lanes = [[0.; LANES]; 3];
    xs.iter().for_each(|x| add_squares(&mut lanes, x));
    add_squares(&mut lanes, &padded(rest));
    for (at, g) in parts {
        // Every element goes to the lane that it has in the whole table.
        let x = &x[at..at + g.len()];
        let aligned = (at.next_multiple_of(LANES) - at).min(g.len());
        let ((x_head, x), (g_head, g)) = (x.split_at(aligned), g.split_at(aligned));
        for (i, (x, g)) in x_head.iter().zip(g_head).enumerate() {
            let (lane, x, g) = ((at + i) % LANES, x.widen(), g.widen());
            lanes[1][lane] += x * g;
            lanes[2][lane] += g * g;
        }
        let ((xs, x_rest), (gs, g_rest)) = (x.as_chunks(), g.as_chunks());
        for (x, g) in xs.iter().zip(gs) {
            add_products(&mut lanes, x, g);
        }
        add_products(&mut lanes, &padded(x_rest), &padded(g_rest));
    }
    fold_lanes(lanes)
}

#[inline(always)]
fn add_squares<T: Real>([xx, ..]: &mut [[f64; LANES]; 3], x: &[T; LANES]) {
    for lane in 0..LANES {
        xx[lane] += x[lane].widen() * x[lane].widen();
    }
}

#[inline(always)]
fn add_products<T: Real>([_, xg, gg]: &mut [[f64; LANES]; 3], x: &[T; LANES], g: &[T; LANES]) {
    for lane in 0..LANES {
        let (x, g) = (x[lane].widen(), g[lane].widen());
        xg[lane] += x * g;
        gg[lane] += g * g;
    }
}
