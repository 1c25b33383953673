//! Matrix products over slices: `c = a·b` or `c += a·b`.
//!
//! f32 and f64 go through the `gemm` crate, bfloat16 through a kernel of our own. The threads divide the rows or the
//! columns of the result among them: every element is one thread's sum, in the same order whatever their number.

pub(super) mod native;

use rayon::prelude::*;

use super::real::Real;
use crate::precision::Precision;

/// Rows and columns are divided in multiples of this, a whole number of register tiles.
const ALIGN: usize = 16;

/// Multiplications below which a second thread does not pay.
const SMALL: usize = 1 << 16;

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
    fn from(self, rows: usize, columns: usize) -> Self {
        let start = (rows * self.row + columns * self.column).min(self.data.len());
        Self { data: &self.data[start..], ..self }
    }

    /// Whether (rows, columns) elements are inside the slice.
    fn holds(&self, rows: usize, columns: usize) -> bool {
        rows == 0 || columns == 0 || (rows - 1) * self.row + (columns - 1) * self.column < self.data.len()
    }
}

/// The result: rows of a slice, `stride` apart.
struct Target<T> {
    data: *mut T,
    stride: usize,
    accumulate: bool,
}

// SAFETY: `parallel` hands parts that do not overlap to its threads.
unsafe impl<T: Send> Sync for Target<T> {}

/// `c = a·b` (or `c += a·b`), a (m, k), b (k, n), c (m, n) row-major with rows `stride` apart; on one thread.
pub fn serial<T: Real>(
    precision: Precision,
    dims: (usize, usize, usize),
    a: Matrix<T>,
    b: Matrix<T>,
    c: &mut [T],
    stride: usize,
    accumulate: bool,
) {
    let target = checked(dims, a, b, c, stride, accumulate);
    // SAFETY: `checked` has compared the dimensions with the slices, and `c` is borrowed for this call.
    unsafe { part(precision, dims, a, b, &target, (0, 0)) }
}

/// `serial`, divided among the threads of the pool.
pub fn parallel<T: Real>(
    precision: Precision,
    dims: (usize, usize, usize),
    a: Matrix<T>,
    b: Matrix<T>,
    c: &mut [T],
    stride: usize,
    accumulate: bool,
) {
    let (m, n, k) = dims;
    let target = checked(dims, a, b, c, stride, accumulate);
    let threads = if m * n * k < SMALL { 1 } else { rayon::current_num_threads() };
    let by_rows = m >= n;
    let step = if by_rows { m } else { n }.div_ceil(threads).next_multiple_of(ALIGN);
    let parts = if by_rows { m } else { n }.div_ceil(step.max(1));
    (0..parts).into_par_iter().for_each(|i| {
        let (start, target) = (i * step, &target);
        let (dims, corner) = match by_rows {
            true => ((step.min(m - start), n, k), (start, 0)),
            false => ((m, step.min(n - start), k), (0, start)),
        };
        // SAFETY: as in `serial`; the parts are disjoint blocks of rows, or of columns, of `c`.
        unsafe { part(precision, dims, a.from(corner.0, 0), b.from(0, corner.1), target, corner) }
    });
}

fn checked<T: Real>(
    (m, n, k): (usize, usize, usize),
    a: Matrix<T>,
    b: Matrix<T>,
    c: &mut [T],
    stride: usize,
    accumulate: bool,
) -> Target<T> {
    assert!(a.holds(m, k) && b.holds(k, n), "the operands of a product are shorter than its dimensions");
    assert!(n <= stride || m <= 1, "the rows of a product overlap");
    assert!(m == 0 || n == 0 || (m - 1) * stride + n <= c.len(), "the result of a product is too short");
    Target { data: c.as_mut_ptr(), stride, accumulate }
}

/// The block of `c` that begins at `corner`.
///
/// # Safety
/// The dimensions fit the operands and, from the corner, the target; no other thread touches the block.
unsafe fn part<T: Real>(
    precision: Precision,
    dims: (usize, usize, usize),
    a: Matrix<T>,
    b: Matrix<T>,
    target: &Target<T>,
    (row, column): (usize, usize),
) {
    if dims.0 == 0 || dims.1 == 0 {
        return;
    }
    // SAFETY: the corner is inside the target.
    let c = unsafe { target.data.add(row * target.stride + column) };
    // SAFETY: the caller's promise.
    unsafe { T::product(precision, dims, a, b, c, target.stride, target.accumulate) }
}
