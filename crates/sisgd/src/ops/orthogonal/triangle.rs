//! Products of which half is known: symmetric ones, and those with a triangle.

use crate::ops::Real;
use std::ops::Range;

/// A product is made in so many panels, each up to the diagonal only: 5/8 of the whole.
const PANELS: usize = 4;

/// `0..n` in panels.
pub(super) fn panels(n: usize) -> impl Iterator<Item = Range<usize>> {
    let height = n.div_ceil(PANELS).next_multiple_of(16);
    (0..n).step_by(height).map(move |start| start..n.min(start + height))
}

/// Fills a symmetric matrix (n, n): `panel` makes its rows from `start` to `end` up to column `end`.
pub(super) fn triangle<T: Real>(n: usize, c: &mut [T], mut panel: impl FnMut(usize, usize, &mut [T])) {
    for rows in panels(n) {
        panel(rows.start, rows.end, c);
    }
    mirror(n, c);
}

/// Copies what is below the diagonal to above it, tile by tile.
fn mirror<T: Real>(n: usize, c: &mut [T]) {
    const TILE: usize = 32;
    for top in (0..n).step_by(TILE) {
        for left in (0..=top).step_by(TILE) {
            for i in top..n.min(top + TILE) {
                for j in left..i.min(left + TILE) {
                    c[j * n + i] = c[i * n + j];
                }
            }
        }
    }
}
