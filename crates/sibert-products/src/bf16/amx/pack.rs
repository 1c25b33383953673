//! Operands as tiles: rounded to bfloat16, and cut into squares of 16 lines and 32 elements of their depth.
//!
//! A square is a tile of 1 KiB, sixteen rows of 64 bytes:
//!
//! | side | a row holds |
//! |---|---|
//! | left | 32 elements of a line |
//! | right | the pairs that 16 lines have at two neighbouring elements |
//!
//! A panel is 32 lines: for every 32 elements of the depth, and in each every part, the two squares. Beyond the lines and
//! the depth are zeros.

use std::ops::Range;

use super::super::operand::{Kind, Operand, Row, Side};
use super::super::round::{narrow, parts};
use super::Engine;
use crate::lines::Lines;

/// Lines of a square.
pub const LINES: usize = 16;
/// Elements of the depth in a square.
pub const STEP: usize = 32;
/// Lines of a panel.
pub const PANEL: usize = 2 * LINES;
/// Numbers of a square.
pub const SQUARE: usize = LINES * STEP;

/// Squares along a depth.
pub fn steps(depth: usize) -> usize {
    depth.div_ceil(STEP)
}

/// Rows of the squares of one panel in `P` parts.
pub fn panel_rows<const P: usize>(depth: usize) -> usize {
    steps(depth) * P * PANEL
}

/// Packs the squares of share `nth` of `of`.
///
/// # Safety
/// The lines describe readable numbers, the engine is one of this processor, and `out` has room for all panels.
pub unsafe fn pack<const P: usize, E: Engine>(x: Operand, out: *mut Row, share: (usize, usize)) {
    for (line, step) in squares(&x, share) {
        let panel = line / PANEL * panel_rows::<P>(x.size().1);
        let out = out.wrapping_add(panel + step * P * PANEL + line % PANEL);
        // SAFETY: the caller's promise; the square of every part, a panel's rows apart.
        unsafe { E::square::<P>(x, line, step * STEP, out.cast()) };
    }
}

/// The first lines and the steps of share `nth` of `of`, in the order of the numbers in memory.
fn squares(x: &Operand, (nth, of): (usize, usize)) -> impl Iterator<Item = (usize, usize)> + use<> {
    let ((lines, depth), along) = (x.size(), x.along());
    let (halves, steps) = (2 * lines.div_ceil(PANEL), steps(depth));
    let bound = |share: usize| halves * steps * share / of;
    let range: Range<usize> = bound(nth)..bound(nth + 1);
    range.map(move |i| if along { (i / steps * LINES, i % steps) } else { (i % halves * LINES, i / halves) })
}

/// Packs `P` squares, [`PANEL`] rows apart, from `line` and `element` on: on any processor.
///
/// # Safety
/// The lines describe readable numbers, and `out` has room.
pub unsafe fn square<const P: usize>(x: Operand, line: usize, element: usize, out: *mut u16) {
    // SAFETY: the caller's promise.
    unsafe {
        match x.kind {
            Kind::Exact(lines) => square_of::<P, _>(lines, x.side, line, element, out),
            Kind::Bf16(lines) => square_of::<P, _>(lines, x.side, line, element, out),
        }
    }
}

/// The same of numbers of one kind.
///
/// # Safety
/// As [`square`].
pub unsafe fn square_of<const P: usize, N: Copy + Into<f32>>(
    lines: Lines<N>,
    side: Side,
    line: usize,
    element: usize,
    out: *mut u16,
) {
    for l in 0..LINES {
        for e in 0..STEP {
            let inside = line + l < lines.lines && element + e < lines.depth;
            // SAFETY: an element of the operand.
            let number = if inside { unsafe { *lines.at(line + l, element + e) }.into() } else { 0. };
            let at = match side {
                Side::Left => l * STEP + e,
                Side::Right => e / 2 * STEP + 2 * l + e % 2,
            };
            for (part, number) in parts::<P>(number).into_iter().enumerate() {
                // SAFETY: a number of the square of this part.
                unsafe { *out.add(2 * part * SQUARE + at) = narrow(number) };
            }
        }
    }
}
