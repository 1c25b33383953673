//! The two operands of a product as lines that are packed.

use crate::lines::Lines;

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

    /// The other operand.
    pub fn other(self) -> Self {
        self.order(Self::Right, Self::Left).0
    }
}

/// Lines of one operand.
#[derive(Clone, Copy)]
pub struct Operand {
    pub lines: Lines,
    pub side: Side,
}

impl Operand {
    /// So many lines, of so many elements; see [`Lines::part`].
    pub fn part(self, lines: (usize, usize), depth: (usize, usize)) -> Self {
        Self { lines: self.lines.part(lines, depth), ..self }
    }

    /// So many lines from `line` on, as deep as they are.
    pub fn only(self, (line, lines): (usize, usize)) -> Self {
        self.part((line, lines), (0, self.lines.depth))
    }
}

/// 32 packed numbers: a cache line, so that no vector straddles two.
#[derive(Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub struct Row([u16; 32]);

impl Row {
    /// Zeros.
    pub const ZERO: Self = Self([0; 32]);
}

/// Room for so many rows.
pub fn reserve(buffer: &mut Vec<Row>, rows: usize) -> *mut Row {
    if buffer.len() < rows {
        buffer.resize(rows, Row::ZERO);
    }
    buffer.as_mut_ptr()
}
