//! The two operands of a product as lines that are packed.

use half::bf16;

use crate::Numbers;
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
    pub kind: Kind,
    pub side: Side,
}

/// What the lines hold.
#[derive(Clone, Copy)]
pub enum Kind {
    /// Numbers that are rounded while they are packed.
    Exact(Lines),
    /// Numbers that have been rounded.
    Bf16(Lines<bf16>),
}

impl Operand {
    /// The rows of `a` (lines, depth).
    pub fn left(a: Numbers<f32>, lines: usize, depth: usize) -> Self {
        let kind = match a {
            Numbers::Exact(a) => Kind::Exact(Lines::rows(a, lines, depth)),
            Numbers::Bf16(a) => Kind::Bf16(Lines::rows(a, lines, depth)),
        };
        Self { kind, side: Side::Left }
    }

    /// The columns of `b` (depth, lines).
    pub fn right(b: Numbers<f32>, lines: usize, depth: usize) -> Self {
        Self { side: Side::Right, ..Self::left(b.t(), lines, depth) }
    }

    /// The number of lines, and of the elements of each.
    pub fn size(&self) -> (usize, usize) {
        match self.kind {
            Kind::Exact(x) => (x.lines, x.depth),
            Kind::Bf16(x) => (x.lines, x.depth),
        }
    }

    /// Whether neighbours of a line are neighbours in memory.
    pub fn along(&self) -> bool {
        match self.kind {
            Kind::Exact(x) => x.step == 1,
            Kind::Bf16(x) => x.step == 1,
        }
    }

    /// So many lines, of so many elements; see [`Lines::part`].
    pub fn part(self, lines: (usize, usize), depth: (usize, usize)) -> Self {
        let kind = match self.kind {
            Kind::Exact(x) => Kind::Exact(x.part(lines, depth)),
            Kind::Bf16(x) => Kind::Bf16(x.part(lines, depth)),
        };
        Self { kind, ..self }
    }

    /// So many lines from `line` on, as deep as they are.
    pub fn only(self, lines: (usize, usize)) -> Self {
        self.part(lines, (0, self.size().1))
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
