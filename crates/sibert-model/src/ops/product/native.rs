//! Products in the type of their operands.

use super::Matrix;

/// `c = a·b` or `c += a·b` through `gemm`, on one thread.
///
/// # Safety
/// `a` holds (m, k) elements, `b` (k, n), and `c` (m, n) with rows `stride` apart, for this thread alone.
pub unsafe fn product<T: 'static>(
    (m, n, k): (usize, usize, usize),
    a: Matrix<T>,
    b: Matrix<T>,
    c: *mut T,
    stride: usize,
    accumulate: bool,
    [zero, one]: [T; 2],
) where
    T: Copy,
{
    let distance = |elements: usize| elements as isize;
    let alpha = if accumulate { one } else { zero };
    // SAFETY: the caller's promise; the strides are those of the slices.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c,
            1,
            distance(stride),
            accumulate,
            a.data.as_ptr(),
            distance(a.column),
            distance(a.row),
            b.data.as_ptr(),
            distance(b.column),
            distance(b.row),
            alpha,
            one,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
