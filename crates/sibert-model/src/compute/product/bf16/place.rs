//! Where a kernel writes.

/// A part of the result.
#[derive(Clone, Copy)]
pub struct Place {
    /// Its first element.
    pub c: *mut f32,
    /// Distance of two rows.
    pub stride: usize,
    /// Its number of rows.
    pub rows: usize,
    /// Its number of columns.
    pub columns: usize,
    /// Whether to add to what is there.
    pub add: bool,
}

impl Place {
    /// The rows and columns from (i, j) on, as far as they go and at most so many.
    pub fn tile(&self, (i, j): (usize, usize), (rows, columns): (usize, usize)) -> Self {
        let c = self.c.wrapping_add(i * self.stride + j);
        Self { c, rows: rows.min(self.rows - i), columns: columns.min(self.columns - j), ..*self }
    }
}
