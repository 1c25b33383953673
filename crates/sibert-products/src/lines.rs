//! An operand as the set of its lines.

use super::Matrix;

/// Lines of `depth` elements: the rows of the left operand, the columns of the right one.
#[derive(Clone, Copy)]
pub struct Lines<T = f32> {
    /// The first element.
    pub data: *const T,
    /// Distance of two lines.
    pub line: usize,
    /// Distance of two elements of a line.
    pub step: usize,
    /// Their number.
    pub lines: usize,
    /// Elements of a line.
    pub depth: usize,
}

// SAFETY: what borrows the operand reads it, on any thread.
unsafe impl<T: Sync> Send for Lines<T> {}
// SAFETY: the same.
unsafe impl<T: Sync> Sync for Lines<T> {}

impl<T: Copy> Lines<T> {
    /// The rows of `a` (lines, depth).
    pub fn rows(a: Matrix<T>, lines: usize, depth: usize) -> Self {
        Self { data: a.data.as_ptr(), line: a.row, step: a.column, lines, depth }
    }

    /// The columns of `b` (depth, lines).
    pub fn columns(b: Matrix<T>, lines: usize, depth: usize) -> Self {
        Self::rows(b.t(), lines, depth)
    }

    /// So many lines from `line` on, of so many elements from `start` on.
    pub fn part(self, (line, lines): (usize, usize), (start, depth): (usize, usize)) -> Self {
        Self { data: self.at(line, start), lines, depth, ..self }
    }

    /// Where an element is; of no use beyond the lines or the depth.
    pub fn at(&self, line: usize, element: usize) -> *const T {
        self.data.wrapping_add(line * self.line + element * self.step)
    }
}
