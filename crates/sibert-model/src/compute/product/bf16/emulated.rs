//! The same products on any processor: rounded copies, multiplied in f32.

use super::super::Matrix;

/// The nearest bfloat16, ties to even, as f32. Infinity stays, a NaN stays a (quiet) NaN.
pub fn round(x: f32) -> f32 {
    let bits = x.to_bits();
    if x.is_nan() {
        return f32::from_bits((bits | 0x0040_0000) & 0xffff_0000);
    }
    f32::from_bits((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff_0000)
}

/// A row-major copy of (rows, columns) rounded elements.
fn rounded(x: Matrix<f32>, rows: usize, columns: usize) -> Vec<f32> {
    let element = |i, j| round(x.data[i * x.row + j * x.column]);
    (0..rows).flat_map(|i| (0..columns).map(move |j| element(i, j))).collect()
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
    let (left, right) = (rounded(a, m, k), rounded(b, k, n));
    let (left, right) = (Matrix::rows(&left, k), Matrix::rows(&right, n));
    // SAFETY: the caller's promise.
    unsafe { super::super::native::product((m, n, k), left, right, c, stride, accumulate, [0., 1.]) }
}
