//! Where a product is written.

use cukernel::simd::vectorize;
use half::bf16;

use super::Finish;
use crate::Multiply;

/// A part of the result.
#[derive(Clone, Copy)]
pub struct Place<'a, T = f32> {
    /// Its first element; where the result is [rounded](Self::rounded), that of the sums which are not complete.
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
    /// Where the result begins if it is stored as bfloat16, with the same distance of rows: by the kernels for bfloat16 alone.
    pub rounded: Option<*mut bf16>,
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
            rounded: self.rounded.map(|first| first.wrapping_add(i * self.stride + j)),
            ..*self
        }
    }

    /// The same for one block of the sums' depth: all but the first add to what is there, the last completes the sums.
    pub fn block(&self, first: bool, last: bool) -> Self {
        let (finish, rounded) = if last { (self.finish, self.rounded) } else { (Finish::Nothing, None) };
        Self { add: self.add || !first, finish, rounded, ..*self }
    }

    /// Asks for all that is read or written once the sums of its `R` rows are ready, long after: the first and the last line of each.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub fn ask<const R: usize>(&self) {
        match self.rounded {
            None => ask::<R, _>(self.c, self.stride, self.columns),
            Some(to) => ask::<R, _>(to, self.stride, self.columns),
        }
        match self.finish {
            Finish::Plus(y) => ask::<R, _>(y.data.as_ptr(), y.row, self.columns),
            Finish::Where(y) => ask::<R, _>(y.data.as_ptr(), y.row, self.columns),
            Finish::Nothing | Finish::Bias(_) | Finish::BiasRelu(_) => {}
        }
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

/// Asks for both ends of `R` rows so far apart.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn ask<const R: usize, T>(first: *const T, apart: usize, columns: usize) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

    for row in (0..R).map(|i| first.wrapping_add(i * apart)) {
        // SAFETY: every processor has the hint, which may name any address.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(row.cast());
            _mm_prefetch::<_MM_HINT_T0>(row.wrapping_add(columns - 1).cast());
        }
    }
}
