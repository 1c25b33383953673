//! The same products on any processor: operands rounded to bfloat16, multiplied in f32.
//!
//! With AVX2 they are rounded while they are packed ([`packed`]); elsewhere, and for vectors and small results, beforehand
//! ([`copies`]). Both have the same bits.

pub mod copies;
#[cfg(target_arch = "x86_64")]
pub mod packed;

use super::super::Matrix;
use super::Route;
use super::amx::PRODUCTS;
use super::round::parts;
use crate::precision::Precision;

/// Whether products of these dimensions are f32 products of rounded copies, which all threads share.
pub fn shared(precision: Precision, dims: (usize, usize, usize)) -> bool {
    precision == Precision::Bf16 && Route::current() == Route::Rounded && !packs(dims)
}

/// Whether operands are rounded while they are packed.
fn packs(dims: (usize, usize, usize)) -> bool {
    #[cfg(target_arch = "x86_64")]
    return packed::takes(dims) && packed::gains();
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// `c = a·b` or `c += a·b`; see [`super::product`].
///
/// # Safety
/// As [`super::product`].
pub unsafe fn product(
    dims: (usize, usize, usize),
    a: Matrix<f32>,
    b: Matrix<f32>,
    c: *mut f32,
    stride: usize,
    accumulate: bool,
) {
    #[cfg(target_arch = "x86_64")]
    if packs(dims) {
        // SAFETY: the caller's promise, and the processor has the instructions.
        return unsafe { packed::product(dims, a, b, c, stride, accumulate) };
    }
    // SAFETY: the caller's promise.
    unsafe { copies::product(dims, a, b, c, stride, accumulate) }
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
