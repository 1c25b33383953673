//! Matrix products over slices: `c = a·b` or `c += a·b`.
//!
//! f32 and f64 go through the `gemm` crate, bfloat16 through a kernel of our own. The threads divide the rows or the
//! columns of the result among them: every element is one thread's sum, in the same order whatever their number.

pub(crate) mod bf16;
pub(crate) mod native;

use rayon::prelude::*;

use super::buffer::{uninit, written};
use super::real::Real;
use crate::precision::Precision;

/// Rows and columns are divided in multiples of this, a whole number of register tiles, or of half a block of AMX tiles.
const ALIGN: usize = 16;

/// A part is no larger than this: `gemm` packs a whole operand, which would cost as much memory as the vocabulary.
const WIDE: usize = 2048;

/// Multiplications below which a second thread does not pay.
const SMALL: usize = 1 << 16;

/// `gemm` has kernels of their own for results of no more elements.
const SMALL_RESULT: usize = 256;

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

/// A float type whose matrices are multiplied.
pub trait Multiply: Real {
    /// `c = a·b` or `c += a·b` on one thread; see [`serial`].
    ///
    /// # Safety
    /// `a` holds (m, k) elements, `b` (k, n), and `c` (m, n) with rows `stride` apart, for this thread alone.
    unsafe fn product(
        precision: Precision,
        dims: (usize, usize, usize),
        a: Matrix<Self>,
        b: Matrix<Self>,
        c: *mut Self,
        stride: usize,
        accumulate: bool,
    );

    /// Whether products of (m, n, k) in `precision` are f32 products of copies that [`Multiply::copied`] makes for all threads.
    fn copies(_precision: Precision, _dims: (usize, usize, usize)) -> bool {
        false
    }

    /// Calls `f` with the copies of a (m, k) and b (k, n).
    fn copied(
        _dims: (usize, usize, usize),
        a: Matrix<Self>,
        b: Matrix<Self>,
        f: impl FnOnce(Matrix<Self>, Matrix<Self>),
    ) {
        f(a, b);
    }
}

impl Multiply for f32 {
    fn copies(precision: Precision, dims: (usize, usize, usize)) -> bool {
        bf16::rounded::shared(precision, dims)
    }

    fn copied(
        dims: (usize, usize, usize),
        a: Matrix<Self>,
        b: Matrix<Self>,
        f: impl FnOnce(Matrix<Self>, Matrix<Self>),
    ) {
        bf16::rounded::copies::with_copies(dims, a, b, f);
    }

    unsafe fn product(
        precision: Precision,
        dims: (usize, usize, usize),
        a: Matrix<Self>,
        b: Matrix<Self>,
        c: *mut Self,
        stride: usize,
        accumulate: bool,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            match precision {
                Precision::F32 => native::product(dims, a, b, c, stride, accumulate, [0., 1.]),
                Precision::Bf16 => bf16::product::<1>(dims, a, b, c, stride, accumulate),
                Precision::Bf16x3 => bf16::product::<2>(dims, a, b, c, stride, accumulate),
            }
        }
    }
}

impl Multiply for f64 {
    unsafe fn product(
        _precision: Precision,
        dims: (usize, usize, usize),
        a: Matrix<Self>,
        b: Matrix<Self>,
        c: *mut Self,
        stride: usize,
        accumulate: bool,
    ) {
        // SAFETY: the caller's promise.
        unsafe { native::product(dims, a, b, c, stride, accumulate, [0., 1.]) }
    }
}

/// The result: rows of a slice, `stride` apart.
struct Target<T> {
    data: *mut T,
    stride: usize,
    accumulate: bool,
}

// SAFETY: `divided` hands parts that do not overlap to its threads.
unsafe impl<T: Send> Sync for Target<T> {}

/// `c = a·b` (or `c += a·b`), a (m, k), b (k, n), c (m, n) row-major with rows `stride` apart; on one thread.
pub fn serial<T: Multiply>(
    precision: Precision,
    dims: (usize, usize, usize),
    a: Matrix<T>,
    b: Matrix<T>,
    c: &mut [T],
    stride: usize,
    accumulate: bool,
) {
    check(dims, a, b, c.len(), stride);
    let target = Target { data: c.as_mut_ptr(), stride, accumulate };
    // SAFETY: `check` has compared the dimensions with the slices, and `c` is borrowed for this call.
    unsafe { part(precision, dims, a, b, &target, (0, 0)) }
}

/// `a·b` (m, n) of a (m, k) and b (k, n), in fresh memory, divided among the threads of the pool.
pub fn parallel<T: Multiply>(
    precision: Precision,
    dims: (usize, usize, usize),
    a: Matrix<T>,
    b: Matrix<T>,
) -> Vec<T> {
    let (m, n, _) = dims;
    let mut c = uninit::<T>(m * n);
    check(dims, a, b, c.len(), n);
    let target = Target { data: c.as_mut_ptr().cast(), stride: n, accumulate: false };
    // SAFETY: `check` has compared the dimensions with the slices and with `c`, which is ours.
    unsafe { divided(precision, dims, a, b, &target) };
    // SAFETY: the parts make up the result, and a product that does not accumulate writes each element.
    unsafe { written(c) }
}

/// `c += a·b`, a (m, k), b (k, n), c (m, n) row-major, divided among the threads of the pool.
pub fn add_parallel<T: Multiply>(
    precision: Precision,
    dims: (usize, usize, usize),
    a: Matrix<T>,
    b: Matrix<T>,
    c: &mut [T],
) {
    check(dims, a, b, c.len(), dims.1);
    let target = Target { data: c.as_mut_ptr(), stride: dims.1, accumulate: true };
    // SAFETY: `check` has compared the dimensions with the slices, and `c` is borrowed for this call.
    unsafe { divided(precision, dims, a, b, &target) }
}

/// The whole target, by as many threads as pay.
///
/// # Safety
/// The dimensions fit the operands and the target, which no one else touches.
unsafe fn divided<T: Multiply>(
    precision: Precision,
    (m, n, k): (usize, usize, usize),
    a: Matrix<T>,
    b: Matrix<T>,
    target: &Target<T>,
) {
    if T::copies(precision, (m, n, k)) {
        let depth = native::depth(k); // of the sums: cut there, they stay the same, and the copies stay in a cache
        for p in (0..k.max(1)).step_by(depth) {
            let dims = (m, n, depth.min(k - p));
            let target = Target { accumulate: target.accumulate || p > 0, ..*target };
            T::copied(dims, a.from(0, p), b.from(p, 0), |a, b| {
                // SAFETY: the caller's promise; the copies have the dimensions of parts of the operands.
                unsafe { divided(Precision::F32, dims, a, b, &target) }
            });
        }
        return;
    }
    let threads = if m * n * k < SMALL { 1 } else { rayon::current_num_threads() };
    let by_rows = prefers_rows(precision, m, n);
    let (len, across) = if by_rows { (m, n) } else { (n, m) };
    // `gemm` sums the elements of small results in another order: no part may be small that the whole is not
    let most = if across > 1 { len / (ALIGN + SMALL_RESULT / across + 1) } else { 1 };
    let parts = threads.max(len.div_ceil(WIDE)).min(most).max(1);
    (0..parts).into_par_iter().for_each(|i| {
        let bound = |i: usize| if i == parts { len } else { i * len / parts / ALIGN * ALIGN };
        let (start, size) = (bound(i), bound(i + 1) - bound(i));
        let (dims, corner) = match by_rows {
            true => ((size, n, k), (start, 0)),
            false => ((m, size, k), (0, start)),
        };
        // SAFETY: the caller's promise; the parts are disjoint blocks of rows, or of columns, of the target.
        unsafe { part(precision, dims, a.from(corner.0, 0), b.from(0, corner.1), target, corner) }
    });
}

/// Whether to divide the rows of the result rather than its columns.
///
/// Measured: `gemm` packs its left operand once for narrow results, and gains by columns up to an eighth of the rows
/// (98 against 87 GFLOP/s at 1024 x 256 x 1024); our own kernels pack both, and gain by the larger dimension.
fn prefers_rows(precision: Precision, m: usize, n: usize) -> bool {
    match precision {
        Precision::F32 => m > 8 * n,
        Precision::Bf16 | Precision::Bf16x3 => m >= n,
    }
}

/// Panics unless operands and result, whose rows are `stride` apart, hold as many elements as the dimensions say.
fn check<T>((m, n, k): (usize, usize, usize), a: Matrix<T>, b: Matrix<T>, len: usize, stride: usize) {
    assert!(a.holds(m, k) && b.holds(k, n), "the operands of a product are shorter than its dimensions");
    assert!(n <= stride || m <= 1, "the rows of a product overlap");
    assert!(m == 0 || n == 0 || (m - 1) * stride + n <= len, "the result of a product is too short");
}

/// The block of `c` that begins at `corner`.
///
/// # Safety
/// The dimensions fit the operands and, from the corner, the target; no other thread touches the block.
unsafe fn part<T: Multiply>(
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
