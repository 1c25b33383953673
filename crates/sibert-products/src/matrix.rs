//! Matrices inside slices.

/// A matrix inside a slice: element (i, j) is `data[i * row + j * column]`.
#[derive(Clone, Copy)]
pub struct Matrix<'a, T> {
    /// The elements, beginning with (0, 0).
    pub data: &'a [T],
    /// Distance of two rows.
    pub row: usize,
    /// Distance of two columns.
    pub column: usize,
}

impl<'a, T> Matrix<'a, T> {
    /// Row-major, with rows of `width` elements.
    pub fn rows(data: &'a [T], width: usize) -> Self {
        Self { data, row: width, column: 1 }
    }

    /// The transpose, in place.
    pub fn t(self) -> Self {
        Self { data: self.data, row: self.column, column: self.row }
    }

    /// Without the first `rows` rows and `columns` columns.
    pub(super) fn from(self, rows: usize, columns: usize) -> Self {
        let start = (rows * self.row + columns * self.column).min(self.data.len());
        Self { data: &self.data[start..], ..self }
    }

    /// Whether (rows, columns) elements are inside the slice.
    pub(super) fn holds(&self, rows: usize, columns: usize) -> bool {
        rows == 0 || columns == 0 || (rows - 1) * self.row + (columns - 1) * self.column < self.data.len()
    }
}
