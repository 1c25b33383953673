//! The transpose of a head's columns, in loops that vectorise.

use crate::compute::real::Real;
use cukernel::simd::vectorize;
use sibert_products::Matrix;

/// Rows that are transposed at a time.
const ROWS: usize = 16;

/// Working memory, in rows.
pub const WORK: usize = 2 * ROWS;

/// `out[j * stride + i] = x[i * x.row + j]` for `rows` rows of `dim` elements; `stride` is a multiple of sixteen.
///
/// Interleaving the four quarters of a block of rows moves the upper half of the row's four bits to the end of an
/// element's index; after two rounds the column is in front.
pub fn transpose<T: Real>(
    x: Matrix<T>,
    (rows, dim): (usize, usize),
    out: &mut [T],
    stride: usize,
    work: &mut [T],
) {
    let (a, b) = work[..2 * ROWS * dim].split_at_mut(ROWS * dim);
    vectorize(
        #[inline(always)]
        || {
            for first in (0..rows).step_by(ROWS) {
                let row = |i: usize| &x.data[(first + i).min(rows - 1) * x.row..][..dim];
                for (i, out) in a.chunks_exact_mut(4 * dim).enumerate() {
                    interleave([0, 4, 8, 12].map(|quarter| row(quarter + i)), out);
                }
                let (upper, lower) = a.split_at(8 * dim);
                let ((w, x), (y, z)) = (upper.split_at(4 * dim), lower.split_at(4 * dim));
                interleave([w, x, y, z], b);
                for (out, column) in out.chunks_exact_mut(stride).zip(b.as_chunks::<ROWS>().0) {
                    out[first..][..ROWS].copy_from_slice(column);
                }
            }
        },
    );
}

/// `out = w₀ x₀ y₀ z₀ w₁ …`
#[inline(always)]
fn interleave<T: Real>([w, x, y, z]: [&[T]; 4], out: &mut [T]) {
    let pairs = w.iter().zip(x).zip(y.iter().zip(z));
    for (out, ((&w, &x), (&y, &z))) in out.as_chunks_mut::<4>().0.iter_mut().zip(pairs) {
        *out = [w, x, y, z];
    }
}
