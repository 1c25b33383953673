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

use super::super::lines::Lines;
use super::super::round::{narrow, parts};
use super::Engine;

/// Lines of a square.
pub const LINES: usize = 16;
/// Elements of the depth in a square.
pub const STEP: usize = 32;
/// Lines of a panel.
pub const PANEL: usize = 2 * LINES;
/// Numbers of a square.
pub const SQUARE: usize = LINES * STEP;

/// Which operand the lines are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Rows of the left one.
    Left,
    /// Columns of the right one.
    Right,
}

impl Side {
    /// (left, right), of what this side has and what the other has.
    pub fn order<T>(self, this: T, other: T) -> (T, T) {
        match self {
            Self::Left => (this, other),
            Self::Right => (other, this),
        }
    }
}

/// Lines of one operand.
#[derive(Clone, Copy)]
pub struct Operand {
    pub lines: Lines,
    pub side: Side,
}

/// A row of a square.
#[derive(Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub struct Row([u16; STEP]);

impl Row {
    /// Zeros.
    pub const ZERO: Self = Self([0; STEP]);
}

impl Operand {
    /// So many lines, of so many elements; see [`Lines::part`].
    pub fn part(self, lines: (usize, usize), depth: (usize, usize)) -> Self {
        Self { lines: self.lines.part(lines, depth), ..self }
    }

    /// Panels that hold the lines.
    pub fn panels(&self) -> usize {
        self.lines.lines.div_ceil(PANEL)
    }

    /// Squares along the depth.
    pub fn steps(&self) -> usize {
        self.lines.depth.div_ceil(STEP)
    }

    /// Rows of the squares of one panel in `P` parts.
    pub fn panel_rows<const P: usize>(&self) -> usize {
        self.steps() * P * PANEL
    }

    /// Packs the squares of share `nth` of `of`.
    ///
    /// # Safety
    /// The lines describe readable numbers, and the engine is one of this processor.
    pub unsafe fn pack<const P: usize, E: Engine>(&self, out: &mut Vec<Row>, (nth, of): (usize, usize)) {
        let rows = self.panels() * self.panel_rows::<P>();
        if out.len() < rows {
            out.resize(rows, Row::ZERO);
        }
        for (line, step) in self.squares((nth, of)) {
            let panel = line / PANEL * self.panel_rows::<P>();
            let at = panel + step * P * PANEL + line % PANEL;
            let out = &mut out[at..at + (P - 1) * PANEL + LINES];
            // SAFETY: the caller's promise; `out` has room for the square of every part, a panel's rows apart.
            unsafe { E::square::<P>(*self, line, step * STEP, out.as_mut_ptr().cast()) };
        }
    }

    /// The first lines and the steps of share `nth` of `of`, in the order of the numbers in memory.
    fn squares(&self, (nth, of): (usize, usize)) -> impl Iterator<Item = (usize, usize)> {
        let (halves, steps, along) = (2 * self.panels(), self.steps(), self.lines.step == 1);
        let bound = |share: usize| halves * steps * share / of;
        let range: Range<usize> = bound(nth)..bound(nth + 1);
        range.map(
            move |i| if along { (i / steps * LINES, i % steps) } else { (i % halves * LINES, i / halves) },
        )
    }
}

/// Packs `P` squares, [`PANEL`] rows apart, from `line` and `element` on: on any processor.
///
/// # Safety
/// The lines describe readable numbers, and `out` has room.
pub unsafe fn square<const P: usize>(x: Operand, line: usize, element: usize, out: *mut u16) {
    let Operand { lines, side } = x;
    for l in 0..LINES {
        for e in 0..STEP {
            let inside = line + l < lines.lines && element + e < lines.depth;
            // SAFETY: an element of the operand.
            let number = if inside { unsafe { *lines.at(line + l, element + e) } } else { 0. };
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
