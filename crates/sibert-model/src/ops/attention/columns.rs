//! Results that are written head by head.

use std::mem::MaybeUninit;

use sibert_products::{Finish, Matrix, Place, Precision};

use crate::compute::real::Real;

/// A tensor (batch, seq, hidden) of which each task writes the columns of its head.
pub struct Columns<T> {
    data: *mut T,
    row: usize,
    dim: usize,
}

// SAFETY: the tasks write disjoint columns.
unsafe impl<T: Send> Sync for Columns<T> {}

impl<T: Real> Columns<T> {
    /// Rows of `row` elements, heads of `dim`.
    pub fn new(data: &mut [MaybeUninit<T>], row: usize, dim: usize) -> Self {
        Self { data: data.as_mut_ptr().cast(), row, dim }
    }

    /// Rows `first .. first + rows` of the head that begins at `start` become `a·b`, or grow by it; a (rows, k), b (k, dim).
    ///
    /// # Safety
    /// The rows are inside the tensor, no other thread writes this head, and the operands hold as many elements.
    pub unsafe fn product(
        &self,
        precision: Precision,
        [start, first]: [usize; 2],
        (rows, k): (usize, usize),
        a: Matrix<T>,
        b: Matrix<T>,
        add: bool,
    ) {
        let c = self.data.wrapping_add(start + first * self.row);
        let place = Place {
            c,
            stride: self.row,
            rows,
            columns: self.dim,
            add,
            finish: Finish::Nothing,
            rounded: None,
        };
        // SAFETY: the caller's promise.
        unsafe { T::cached(precision, k, a, b, place) }
    }

    /// Rows `first .. end` of the head that begins at `start` become zero.
    ///
    /// # Safety
    /// As for `product`.
    pub unsafe fn clear(&self, start: usize, first: usize, end: usize) {
        for row in first..end {
            // SAFETY: the caller's promise.
            let columns = unsafe {
                let first = self.data.add(start + row * self.row).cast::<MaybeUninit<T>>();
                std::slice::from_raw_parts_mut(first, self.dim)
            };
            columns.fill(MaybeUninit::new(T::zero()));
        }
    }
}
