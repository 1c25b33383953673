//! Where a product is written.

use cukernel::simd::vectorize;

use super::Finish;
use crate::Multiply;

/// A part of the result.
#[derive(Clone, Copy)]
pub struct Place<'a, T = f32> {
    /// Its first element.
    pub c: *mut T,
    /// Distance of two rows.
    pub stride: usize,
    /// Its number of rows.
    pub rows: usize,
    /// Its number of columns.
    pub columns: usize,
    /// Whether to add to what is there.
    pub add: bool,
    /// What is done with the complete sums.
    pub finish: Finish<'a, T>,
}

// SAFETY: `divided` hands parts that do not overlap to its threads.
unsafe impl<T: Send + Sync> Sync for Place<'_, T> {}

impl<T: Multiply> Place<'_, T> {
    /// The rows and columns from (i, j) on, as far as they go and at most so many.
    pub fn tile(&self, (i, j): (usize, usize), (rows, columns): (usize, usize)) -> Self {
        Self {
            c: self.c.wrapping_add(i * self.stride + j),
            rows: rows.min(self.rows - i),
            columns: columns.min(self.columns - j),
            finish: self.finish.from(i, j),
            ..*self
        }
    }

    /// The same for one block of the sums' depth: all but the first add to what is there, the last completes the sums.
    pub fn block(&self, first: bool, last: bool) -> Self {
        Self { add: self.add || !first, finish: if last { self.finish } else { Finish::Nothing }, ..*self }
    }

    /// Finishes all elements, whose sums are complete.
    ///
    /// # Safety
    /// They have values, and are for this thread alone.
    pub unsafe fn finish(&self) {
        if matches!(self.finish, Finish::Nothing) {
            return;
        }
        vectorize(
            #[inline(always)]
            || {
                for i in 0..self.rows {
                    let row = self.c.wrapping_add(i * self.stride);
                    // SAFETY: the caller's promise of this row.
                    self.finish.row(i, unsafe { std::slice::from_raw_parts_mut(row, self.columns) });
                }
            },
        );
    }
}
