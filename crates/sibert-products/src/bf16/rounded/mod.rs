//! The same products on any processor: operands rounded to bfloat16, multiplied in f32.
//!
//! Where f32 has a kernel of our own it rounds while it packs; elsewhere, and for vectors and small results, there are
//! rounded copies ([`copies`]). Both have the same bits.

pub mod copies;

use super::amx::PRODUCTS;
use super::round::parts;
use super::{Matrix, Place, Route};
use crate::Precision;
#[cfg(target_arch = "x86_64")]
use crate::avx2;
use crate::packs;

/// Whether products of these dimensions are f32 products of rounded copies, which all threads share.
pub fn shared(precision: Precision, dims: (usize, usize, usize)) -> bool {
    precision == Precision::Bf16 && Route::current() == Route::Rounded && !packs(dims)
}

/// `c = a·b` or `c += a·b`, finished, with operands of `P` parts; see [`super::product`].
///
/// # Safety
/// As [`super::product`].
pub unsafe fn product<const P: usize>(k: usize, a: Matrix<f32>, b: Matrix<f32>, place: Place) {
    // SAFETY: the caller's promise.
    unsafe { if P == 1 { one(k, a, b, place) } else { thrice(k, a, b, place, one) } }
}

/// The same in one part.
///
/// # Safety
/// As [`super::product`].
unsafe fn one(k: usize, a: Matrix<f32>, b: Matrix<f32>, place: Place) {
    #[cfg(target_arch = "x86_64")]
    if packs((place.rows, place.columns, k)) {
        // SAFETY: the caller's promise, and the processor has the instructions.
        return unsafe { avx2::product::<avx2::Rounded>(k, a, b, place) };
    }
    // SAFETY: the caller's promise.
    unsafe { copies::product(k, a, b, place) }
}

/// A product of two parts of each operand: three products by `one`, the smallest first.
///
/// # Safety
/// As [`super::product`], and that of `one`.
pub unsafe fn thrice(
    k: usize,
    a: Matrix<f32>,
    b: Matrix<f32>,
    place: Place,
    one: unsafe fn(usize, Matrix<f32>, Matrix<f32>, Place),
) {
    let ([ah, al], [bh, bl]) = (split(a, place.rows, k), split(b, k, place.columns));
    let (left, right) = ([&ah, &al], [&bh, &bl]);
    for (i, &[l, r]) in PRODUCTS[1].iter().enumerate() {
        let place = place.block(i == 0, i + 1 == PRODUCTS[1].len());
        // SAFETY: the caller's promise; the parts have the dimensions of the operands.
        unsafe { one(k, Matrix::rows(left[l], k), Matrix::rows(right[r], place.columns), place) };
    }
}

/// Row-major copies of the two parts of every element of `x` (rows, columns).
fn split(x: Matrix<f32>, rows: usize, columns: usize) -> [Vec<f32>; 2] {
    let element = |i, j| parts::<2>(x.data[i * x.row + j * x.column]);
    let elements = || (0..rows).flat_map(|i| (0..columns).map(move |j| element(i, j)));
    [0, 1].map(|part| elements().map(|parts| parts[part]).collect())
}
