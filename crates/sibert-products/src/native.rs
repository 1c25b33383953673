//! Products through `gemm`.

use super::{Matrix, Place};
use crate::Multiply;

/// Depth of a block of the sums at most; `gemm`'s own for large results.
pub const DEPTH: usize = 512;

/// Depth of the blocks of sums over `k`. The crate would choose other blocks for small results than for large ones, and so
/// another order of the sums.
pub fn depth(k: usize) -> usize {
    k.div_ceil(k.div_ceil(DEPTH).max(1)).max(1)
}

/// `c = a·b` or `c += a·b`, on one thread.
///
/// # Safety
/// As [`Multiply::product`](super::Multiply::product).
pub unsafe fn product<T: Multiply>(k: usize, a: Matrix<T>, b: Matrix<T>, place: Place<T>) {
    let depth = depth(k);
    for p in (0..k.max(1)).step_by(depth) {
        let add = place.add || p > 0;
        // SAFETY: the caller's promise; the strides are those of the slices.
        unsafe {
            gemm::gemm(
                place.rows,
                place.columns,
                depth.min(k - p),
                place.c,
                1,
                place.stride as isize,
                add,
                a.data.as_ptr().add(p * a.column),
                a.column as isize,
                a.row as isize,
                b.data.as_ptr().add(p * b.row),
                b.column as isize,
                b.row as isize,
                if add { T::ONE } else { T::default() },
                T::ONE,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
    }
    // SAFETY: the sums of this thread's place are complete.
    unsafe { place.finish() }
}
