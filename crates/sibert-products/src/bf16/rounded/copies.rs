//! Products on any processor: rounded copies, multiplied in f32.

use std::cell::RefCell;
use std::mem::MaybeUninit;

use cukernel::simd::vectorize;
use rayon::prelude::*;

use super::super::round::round;
use super::super::{Matrix, Place};
use crate::buffer::uninit;
use crate::native;

/// Numbers that one task rounds at least.
const TASK: usize = 1 << 16;

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

/// `c = a·b` or `c += a·b`, finished; see [`super::super::product`].
///
/// # Safety
/// As [`super::super::product`].
pub unsafe fn product(k: usize, a: Matrix<f32>, b: Matrix<f32>, place: Place) {
    COPIES.with_borrow_mut(|[left, right]| {
        let a = copy(a, (place.rows, k), left, false);
        let b = copy(b, (k, place.columns), right, false);
        // SAFETY: the caller's promise.
        unsafe { native::product(k, a, b, place) }
    });
}
