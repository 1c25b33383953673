//! What is done with the elements of a product, once their sums are complete.

use half::bf16;

use super::Matrix;
use crate::Multiply;
use crate::bf16::round::wide;

/// What is stored in place of an element `x` of the result, in row i and column j.
///
/// A kernel of our own does it in registers, before it stores the last block of the sums; what others have written is
/// passed over once more, part by part, by the thread that multiplied it. The bits are the same.
#[derive(Clone, Copy)]
pub enum Finish<'a, T> {
    /// `x`.
    Nothing,
    /// `x + b[j]`.
    Bias(&'a [T]),
    /// `max(x + b[j], 0)`; NaN stays.
    BiasRelu(&'a [T]),
    /// `y[i, j] + x` for another matrix, whose rows are contiguous.
    Plus(Matrix<'a, T>),
    /// `x` where `y[i, j] > 0` for the [stored](crate::Stored) result of a rectifier, whose rows are contiguous, and 0 elsewhere: the
    /// gradient before it.
    Where(Matrix<'a, bf16>),
}

impl<T: Multiply> Finish<'_, T> {
    /// The same for the elements from (row, column) on.
    pub fn from(self, row: usize, column: usize) -> Self {
        match self {
            Self::Nothing => Self::Nothing,
            Self::Bias(bias) => Self::Bias(&bias[column..]),
            Self::BiasRelu(bias) => Self::BiasRelu(&bias[column..]),
            Self::Plus(y) => Self::Plus(y.from(row, column)),
            Self::Where(y) => Self::Where(y.from(row, column)),
        }
    }

    /// Whether there is what (rows, columns) elements need.
    pub fn holds(&self, rows: usize, columns: usize) -> bool {
        match self {
            Self::Nothing => true,
            Self::Bias(bias) | Self::BiasRelu(bias) => bias.len() == columns,
            Self::Plus(y) => y.column == 1 && y.holds(rows, columns),
            Self::Where(y) => y.column == 1 && y.holds(rows, columns),
        }
    }

    /// Finishes row `i`; within `vectorize`.
    #[inline(always)]
    pub fn row(&self, i: usize, row: &mut [T]) {
        match self {
            Self::Nothing => {}
            Self::Bias(bias) => {
                for (x, &b) in row.iter_mut().zip(*bias) {
                    *x += b;
                }
            }
            Self::BiasRelu(bias) => {
                for (x, &b) in row.iter_mut().zip(*bias) {
                    *x = if *x + b < T::default() { T::default() } else { *x + b };
                }
            }
            Self::Plus(y) => {
                for (x, &y) in row.iter_mut().zip(&y.data[i * y.row..]) {
                    *x = y + *x;
                }
            }
            Self::Where(y) => {
                for (x, &y) in row.iter_mut().zip(&y.data[i * y.row..]) {
                    *x = if wide(y) > 0. { *x } else { T::default() };
                }
            }
        }
    }
}
