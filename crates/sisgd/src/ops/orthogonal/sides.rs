//! A matrix with its bias as lines of its short side, a few thousand at a time.

use super::WithBias;
use crate::ops::{Real, vectorize};
use sibert_products::Matrix;
use std::ops::Range;

/// Lines of a chunk at most: what one task works on.
const LINES: usize = 4096;

/// The shape of a matrix, which may have a bias as one more column and be some columns of a wider one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sides {
    pub rows: usize,
    pub columns: usize,
    pub bias: bool,
    /// Its first column in the wider matrix, and the columns of that.
    pub first: usize,
    pub stride: usize,
}

/// A chunk of lines: element j of line i is `data[i * line + j * element]`.
pub(super) struct Chunk<T> {
    pub data: Vec<T>,
    pub lines: usize,
    pub line: usize,
    pub element: usize,
}

impl<T> Chunk<T> {
    /// X (lines, elements) without its first columns.
    pub fn matrix(&self, columns: usize) -> Matrix<'_, T> {
        Matrix { data: &self.data[columns * self.element..], row: self.line, column: self.element }
    }
}

impl Sides {
    fn width(self) -> usize {
        self.columns + usize::from(self.bias)
    }

    /// Its columns in a row of the wider matrix.
    fn own(self) -> Range<usize> {
        self.first..self.first + self.columns
    }

    /// Whether the lines are rows.
    pub fn tall(self) -> bool {
        self.rows >= self.width()
    }

    /// Elements of a line.
    pub fn short(self) -> usize {
        self.rows.min(self.width())
    }

    /// Lines.
    pub fn long(self) -> usize {
        self.rows.max(self.width())
    }

    /// The chunks that the lines are cut into, the same whatever the number of threads.
    pub fn chunks(self) -> impl ExactSizeIterator<Item = Range<usize>> {
        let long = self.long();
        (0..long.div_ceil(LINES)).map(move |i| i * LINES..long.min((i + 1) * LINES))
    }

    /// Lines of a matrix, multiplied by `scale`; in memory as they are there.
    pub fn chunk<T: Real>(self, of: WithBias<&[T]>, lines: Range<usize>, scale: f64) -> Chunk<T> {
        let (short, count) = (self.short(), lines.len());
        let mut data = Vec::with_capacity(short * count);
        let mut push = |values: &[T]| {
            let start = data.len();
            data.resize(start + values.len(), T::default());
            let target = &mut data[start..];
            vectorize!([target] scale_into(target, values, scale));
        };
        if self.tall() {
            for row in lines {
                push(&of.matrix[row * self.stride..][self.own()]);
                push(of.bias.map_or(&[], |bias| &bias[row..=row]));
            }
            return Chunk { data, lines: count, line: short, element: 1 };
        }
        let columns = lines.start..lines.end.min(self.columns);
        for row in 0..self.rows {
            push(&of.matrix[row * self.stride + self.first..][columns.clone()]);
            let last = of.bias.filter(|_| lines.end > self.columns);
            push(last.map_or(&[], |bias| &bias[row..=row]));
        }
        Chunk { data, lines: count, line: 1, element: count }
    }

    /// Hands every element of some rows of a matrix, and the element of U that belongs to it, to `each`.
    ///
    /// `first` is the line with which the chunk begins, and the row with which the slices do if the lines are rows.
    pub fn visit<T: Real>(
        self,
        w: WithBias<&mut [T]>,
        u: &Chunk<T>,
        first: usize,
        mut each: impl FnMut(&mut [T], &[T]),
    ) {
        let WithBias { matrix, mut bias } = w;
        if self.tall() {
            for (row, u) in u.data.chunks_exact(self.short()).enumerate() {
                let (u, u_bias) = u.split_at(self.columns);
                each(&mut matrix[row * self.stride..][self.own()], u);
                if let Some(bias) = bias.as_deref_mut() {
                    each(&mut bias[row..=row], u_bias);
                }
            }
            return;
        }
        let columns = first..(first + u.lines).min(self.columns);
        for (row, u) in u.data.chunks_exact(u.lines).enumerate() {
            let (u, u_bias) = u.split_at(columns.len());
            each(&mut matrix[row * self.stride + self.first..][columns.clone()], u);
            if let (Some(bias), [_]) = (bias.as_deref_mut(), u_bias) {
                each(&mut bias[row..=row], u_bias);
            }
        }
    }
}

#[inline(always)]
fn scale_into<T: Real>(target: &mut [T], values: &[T], scale: f64) {
    for (y, x) in target.iter_mut().zip(values) {
        *y = T::narrow(x.widen() * scale);
    }
}
