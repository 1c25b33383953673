//! What a product reads: numbers as they are, or rounded already.

use half::bf16;

use super::Matrix;

/// An operand of a product.
#[derive(Clone, Copy)]
pub enum Numbers<'a, T> {
    /// As they are.
    Exact(Matrix<'a, T>),
    /// As a bf16 product would round them: half as much to read, for the same bits.
    Bf16(Matrix<'a, bf16>),
}

impl<'a, T> From<Matrix<'a, T>> for Numbers<'a, T> {
    fn from(matrix: Matrix<'a, T>) -> Self {
        Self::Exact(matrix)
    }
}

impl<'a, T> Numbers<'a, T> {
    /// The transpose, in place.
    pub fn t(self) -> Self {
        match self {
            Self::Exact(matrix) => Self::Exact(matrix.t()),
            Self::Bf16(matrix) => Self::Bf16(matrix.t()),
        }
    }

    /// The numbers as they are.
    ///
    /// # Panics
    /// If they are rounded: only the ways that [store](crate::Stored) such numbers read them.
    pub(super) fn exact(self) -> Matrix<'a, T> {
        match self {
            Self::Exact(matrix) => matrix,
            Self::Bf16(_) => panic!("numbers in bfloat16 for a product that has not stored them"),
        }
    }

    /// Without the first `rows` rows and `columns` columns.
    pub(super) fn from(self, rows: usize, columns: usize) -> Self {
        match self {
            Self::Exact(matrix) => Self::Exact(matrix.from(rows, columns)),
            Self::Bf16(matrix) => Self::Bf16(matrix.from(rows, columns)),
        }
    }

    /// Whether (rows, columns) elements are inside the slice.
    pub(super) fn holds(&self, rows: usize, columns: usize) -> bool {
        match self {
            Self::Exact(matrix) => matrix.holds(rows, columns),
            Self::Bf16(matrix) => matrix.holds(rows, columns),
        }
    }
}

/// The result of a product that only products of the same precision read.
pub enum Stored<T> {
    /// As it is.
    Exact(Vec<T>),
    /// As they would round it.
    Bf16(Vec<bf16>),
}

impl<T> Stored<T> {
    /// Row-major, with rows of `width` elements.
    pub fn rows(&self, width: usize) -> Numbers<'_, T> {
        match self {
            Self::Exact(values) => Numbers::Exact(Matrix::rows(values, width)),
            Self::Bf16(values) => Numbers::Bf16(Matrix::rows(values, width)),
        }
    }
}
