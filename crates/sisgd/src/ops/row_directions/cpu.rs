//! Slices in, rows out.

use super::Row;
use crate::ops::{CHUNK, LANES, Real, fold_lanes, padded};
use rayon::prelude::*;

/// The rows that the gradient has; without `ids` those are all.
pub(super) fn rows<T: Real>(w: &[T], g: &[T], ids: Option<&[u32]>, width: usize) -> Vec<Row> {
    let row = |(i, g): (usize, &[T])| {
        let at = ids.map_or(i, |ids| ids[i] as usize) * width;
        let [gg, wg] = products(&w[at..at + width], g);
        Row::new(gg, wg)
    };
    g.par_chunks_exact(width.max(1)).enumerate().with_min_len(CHUNK / width.max(1) + 1).map(row).collect()
}

/// `‖g‖²` and `⟨w, g⟩`.
fn products<T: Real>(w: &[T], g: &[T]) -> [f64; 2] {
    let mut lanes = [[0.; LANES]; 2];
    let mut add = |w: &[T; LANES], g: &[T; LANES]| {
        for lane in 0..LANES {
            lanes[0][lane] += g[lane].widen() * g[lane].widen();
            lanes[1][lane] += w[lane].widen() * g[lane].widen();
        }
    };
    let ((ws, w_rest), (gs, g_rest)) = (w.as_chunks(), g.as_chunks());
    ws.iter().zip(gs).for_each(|(w, g)| add(w, g));
    add(&padded(w_rest), &padded(g_rest));
    fold_lanes(lanes)
}

/// `W_i ← keep·W_i − rates_i·G_i`, for rows that the gradient lacks `W_i ← keep·W_i`.
pub(super) fn descend<T: Real>(
    w: &mut [T],
    g: &[T],
    ids: Option<&[u32]>,
    rates: &[f64],
    keep: f64,
    width: usize,
) {
    let width = width.max(1);
    let rows = (CHUNK / width).max(1);
    w.par_chunks_mut(rows * width).enumerate().for_each(|(i, w)| {
        let first = i * rows;
        let mut next = ids.map_or(first, |ids| ids.partition_point(|&id| (id as usize) < first));
        for (row, w) in w.chunks_exact_mut(width).enumerate() {
            let occurs = ids.is_none_or(|ids| ids.get(next).is_some_and(|&id| id as usize == first + row));
            let (rate, g) = if occurs { (rates[next], &g[next * width..][..width]) } else { (0., &[][..]) };
            next += usize::from(occurs);
            match rate {
                0. if keep == 1. => {}
                0. => w.iter_mut().for_each(|w| *w = T::narrow(keep * w.widen())),
                _ => w.iter_mut().zip(g).for_each(|(w, g)| {
                    *w = T::narrow(keep * w.widen() - rate * g.widen());
                }),
            }
        }
    });
}
