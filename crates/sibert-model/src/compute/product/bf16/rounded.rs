//! The same products on any processor: rounded copies, multiplied in f32.

use std::cell::RefCell;
use std::mem::MaybeUninit;

use cukernel::simd::vectorize;
use rayon::prelude::*;

use super::super::{Matrix, native};
use super::Route;
use super::amx::PRODUCTS;
use super::round::{parts, round};
use crate::compute::buffer::uninit;
use crate::precision::Precision;

/// Numbers that one task rounds at least.
const TASK: usize = 1 << 16;

/// Whether products in this precision are f32 products of rounded copies, which all threads share.
pub fn shared(precision: Precision) -> bool {
    precision == Precision::Bf16 && Route::current() == Route::Rounded
}

/// Calls `f` with the rounded copies of a (m, k) and b (k, n), which the threads of the pool make.
pub fn with_copies(
    (m, n, k): (usize, usize, usize),
    a: Matrix<f32>,
    b: Matrix<f32>,
    f: impl FnOnce(Matrix<f32>, Matrix<f32>),
) {
    let mut copies = COPIES.take(); // not borrowed: while this thread waits for others it may begin another product
    let [left, right] = &mut copies;
    f(copy(a, (m, k), left, true), copy(b, (k, n), right, true));
    COPIES.set(copies);
}

/// The rounded copy of `x` (rows, columns) in `buffer`, dense and in the order of its memory; by the threads of the pool, or
/// by this one.
fn copy<'a>(
    x: Matrix<f32>,
    (rows, columns): (usize, usize),
    buffer: &'a mut Vec<MaybeUninit<f32>>,
    divided: bool,
) -> Matrix<'a, f32> {
    if x.row < x.column {
        return copy(x.t(), (columns, rows), buffer, divided).t();
    }
    let len = rows * columns;
    if buffer.len() < len {
        *buffer = uninit(len);
    }
    let height = TASK.div_ceil(columns.max(1));
    if divided && rows > height {
        let tasks = buffer[..len].par_chunks_mut(height * columns).enumerate();
        tasks.for_each(|(i, out)| fill(x, i * height, columns, out));
    } else {
        fill(x, 0, columns, &mut buffer[..len]);
    }
    // SAFETY: all of them have just been written.
    Matrix::rows(unsafe { buffer[..len].assume_init_ref() }, columns)
}

/// Writes rounded rows of `columns` numbers, from row `first` on.
fn fill(x: Matrix<f32>, first: usize, columns: usize, out: &mut [MaybeUninit<f32>]) {
    vectorize(
        #[inline(always)]
        || {
            for (i, out) in out.chunks_exact_mut(columns.max(1)).enumerate() {
                let from = &x.data[(first + i) * x.row..];
                if x.column == 1 {
                    for (out, &x) in out.iter_mut().zip(from) {
                        out.write(round(x));
                    }
                } else {
                    for (out, &x) in out.iter_mut().zip(from.iter().step_by(x.column)) {
                        out.write(round(x));
                    }
                }
            }
        },
    );
}

thread_local! {
    /// The copies of one thread's products, kept from call to call.
    static COPIES: RefCell<[Vec<MaybeUninit<f32>>; 2]> = const { RefCell::new([const { Vec::new() }; 2]) };
}

/// `c = a·b` or `c += a·b`; see [`super::product`].
///
/// # Safety
/// As [`super::product`].
pub unsafe fn product(
    (m, n, k): (usize, usize, usize),
    a: Matrix<f32>,
    b: Matrix<f32>,
    c: *mut f32,
    stride: usize,
    accumulate: bool,
) {
    COPIES.with_borrow_mut(|[left, right]| {
        let (a, b) = (copy(a, (m, k), left, false), copy(b, (k, n), right, false));
        // SAFETY: the caller's promise.
        unsafe { native::product((m, n, k), a, b, c, stride, accumulate, [0., 1.]) }
    });
}

/// `c = a·b` or `c += a·b` with operands of two parts: three products of their parts by `one`, the smallest first.
///
/// # Safety
/// As [`super::product`], and `one` is a product of this processor.
pub unsafe fn thrice(
    one: super::Product,
    dims: (usize, usize, usize),
    a: Matrix<f32>,
    b: Matrix<f32>,
    c: *mut f32,
    stride: usize,
    accumulate: bool,
) {
    let (m, n, k) = dims;
    let ([ah, al], [bh, bl]) = (split(a, m, k), split(b, k, n));
    let (left, right) = ([&ah, &al], [&bh, &bl]);
    for (i, &[l, r]) in PRODUCTS[1].iter().enumerate() {
        let (a, b) = (Matrix::rows(left[l], k), Matrix::rows(right[r], n));
        // SAFETY: the caller's promise.
        unsafe { one(dims, a, b, c, stride, accumulate || i > 0) };
    }
}

/// Row-major copies of the two parts of every element of `x` (rows, columns).
fn split(x: Matrix<f32>, rows: usize, columns: usize) -> [Vec<f32>; 2] {
    let element = |i, j| parts::<2>(x.data[i * x.row + j * x.column]);
    let elements = || (0..rows).flat_map(|i| (0..columns).map(move |j| element(i, j)));
    [0, 1].map(|part| elements().map(|parts| parts[part]).collect())
}
