//! Products in the type of their operands.

use super::Matrix;

/// Depth of a block of the sums at most; `gemm`'s own for large results.
pub const DEPTH: usize = 512;

/// Depth of the blocks of sums over `k`. The crate would choose other blocks for small results than for large ones, and so
/// another order of the sums.
pub fn depth(k: usize) -> usize {
    k.div_ceil(k.div_ceil(DEPTH).max(1)).max(1)
}

/// `c = a·b` or `c += a·b` through `gemm`, on one thread.
///
/// # Safety
/// `a` holds (m, k) elements, `b` (k, n), and `c` (m, n) with rows `stride` apart, for this thread alone.
pub unsafe fn product<T: Copy + 'static>(
    (m, n, k): (usize, usize, usize),
    a: Matrix<T>,
    b: Matrix<T>,
    c: *mut T,
    stride: usize,
    accumulate: bool,
    [zero, one]: [T; 2],
) {
    let depth = depth(k);
    for p in (0..k.max(1)).step_by(depth) {
        let accumulate = accumulate || p > 0;
        // SAFETY: the caller's promise; the strides are those of the slices.
        unsafe {
            gemm::gemm(
                m,
                n,
                depth.min(k - p),
                c,
                1,
                stride as isize,
                accumulate,
                a.data.as_ptr().add(p * a.column),
                a.column as isize,
                a.row as isize,
                b.data.as_ptr().add(p * b.row),
                b.column as isize,
                b.row as isize,
                if accumulate { one } else { zero },
                one,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
    }
}
