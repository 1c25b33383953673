//! A result in parts, one for each thread.

use std::ops::Range;

use rayon::prelude::*;

use super::{Multiply, Numbers, Place, Precision, SMALL_RESULT, native, packs, part};

/// Rows and columns are divided in multiples of this, a whole number of register tiles, or of half a block of AMX tiles.
const ALIGN: usize = 16;

/// A part is no larger than this: `gemm` packs a whole operand, which would cost as much memory as the vocabulary.
const WIDE: usize = 2048;

/// Multiplications below which a second thread does not pay.
const SMALL: usize = 1 << 16;

/// The whole place, by as many threads as pay.
///
/// # Safety
/// The operands hold what [`Multiply::product`] needs of them, and no one else touches the place.
pub unsafe fn divided<T: Multiply>(
    precision: Precision,
    k: usize,
    a: Numbers<T>,
    b: Numbers<T>,
    place: Place<T>,
) {
    let (m, n) = (place.rows, place.columns);
    if T::copies(precision, (m, n, k)) {
        let depth = native::depth(k); // of the sums: cut there, they stay the same, and the copies stay in a cache
        for p in (0..k.max(1)).step_by(depth) {
            let deep = depth.min(k - p);
            let place = place.block(p == 0, p + depth >= k);
            T::copied((m, n, deep), a.exact().from(0, p), b.exact().from(p, 0), |a, b| {
                // SAFETY: the caller's promise; the copies have the dimensions of parts of the operands.
                unsafe { divided(Precision::F32, deep, a.into(), b.into(), place) }
            });
        }
        return;
    }
    let threads = if m * n * k < SMALL { 1 } else { rayon::current_num_threads() };
    if T::shares(precision) && m > 0 && n > 0 {
        // SAFETY: the caller's promise.
        return unsafe { T::product(threads, precision, k, a, b, place) };
    }
    let (down, across) = grid(threads, precision, (m, n, k));
    (0..down * across).into_par_iter().for_each(|i| {
        let (rows, columns) = (share(m, i / across, down, ALIGN), share(n, i % across, across, ALIGN));
        let (a, b) = (a.from(rows.start, 0), b.from(0, columns.start));
        let place = place.tile((rows.start, columns.start), (rows.len(), columns.len()));
        // SAFETY: the caller's promise; the parts are disjoint blocks of the place.
        unsafe { part(precision, k, a, b, place) }
    });
}

/// Into how many parts the rows and the columns of a result are divided, so that all threads pack as little as they can.
fn grid(threads: usize, precision: Precision, dims: (usize, usize, usize)) -> (usize, usize) {
    /// Rows or columns of a part at least.
    const LEAST: usize = 2 * ALIGN;
    let (m, n, _) = dims;
    // A part packs its rows and its columns. For our kernels a row costs as much as a column, for `gemm` an eighth of it (measured:
    // 98 GFLOP/s by columns and 87 by rows at 1024 x 256 x 1024).
    let row = if precision == Precision::F32 && !packs(dims) { 1. / 8. } else { 1. };
    let by_rows = row * m as f64 >= n as f64;
    let packed = |&(down, across): &(usize, usize)| row * (m / down) as f64 + (n / across) as f64;
    let (down, across) = (1..=threads)
        .filter(|down| threads.is_multiple_of(*down))
        .map(|down| (down, threads / down))
        .filter(|&(down, across)| (down == 1 || m / down >= LEAST) && (across == 1 || n / across >= LEAST))
        .min_by(|x, y| packed(x).total_cmp(&packed(y)))
        .unwrap_or(if by_rows { (threads, 1) } else { (1, threads) });
    // `gemm` sums the elements of small results in another order: no part may be small that the whole is not.
    let most =
        |len: usize, other: usize| if other > 1 { len / (ALIGN + SMALL_RESULT / other + 1) } else { 1 };
    let parts =
        |parts: usize, len: usize, other: usize| parts.max(len.div_ceil(WIDE)).min(most(len, other)).max(1);
    if by_rows { (parts(down, m, n / across), across) } else { (down, parts(across, n, m / down)) }
}

/// The rows or columns of part `i`: beginning at a multiple of `align`.
pub fn share(len: usize, i: usize, parts: usize, align: usize) -> Range<usize> {
    let bound = |i: usize| if i == parts { len } else { i * len / parts / align * align };
    bound(i)..bound(i + 1)
}

#[cfg(test)]
mod tests;
