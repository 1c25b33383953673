//! The same products by vectors of AVX2: the operands are rounded while they are packed, so that no pass over memory is added.
//!
//! The bits are those of [`super::copies`]: every element is the sum of a block of the depth, by one chain of fused
//! multiplications and additions from zero, added to the sum of the blocks before it.

mod pack;
mod tile;

use std::cell::RefCell;
use std::sync::OnceLock;

use cukernel::simd;

use super::super::super::{Matrix, SMALL_RESULT, native};
use super::super::lines::Lines;
use super::super::place::Place;
use pack::{pack_columns, pack_rows, panel};
use tile::{COLUMNS, Left, ROWS, tile};

/// Whether this processor has the instructions.
pub fn supported() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

/// Whether they are the widest that it may use: products of copies by wider vectors take less time.
pub fn gains() -> bool {
    static GAINS: OnceLock<bool> = OnceLock::new();
    *GAINS.get_or_init(|| supported() && !is_x86_feature_detected!("avx512f") && !simd::is_portable())
}

/// Whether a product is summed as here: `gemm` has other orders for vectors and small results.
pub fn takes((m, n, k): (usize, usize, usize)) -> bool {
    m > 1 && n > 1 && m * n > SMALL_RESULT && k > 2
}

/// Rows and columns of the packed blocks: of `b` all that is shared by the rows, of `a` less than half the second cache.
const BLOCK: (usize, usize) = (16 * ROWS, 128 * COLUMNS);

/// The same if all rows of `a` are one block, packed once, and `b` passes by.
const WHOLE: (usize, usize) = (64 * ROWS, 4 * COLUMNS);

/// A cache line: panels begin on one, so that no vector straddles two.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; 16]);

thread_local! {
    /// The packed blocks of `a` and `b`, kept from call to call.
    static PACKED: RefCell<[Vec<Line>; 2]> = const { RefCell::new([const { Vec::new() }; 2]) };
}

/// Room for so many numbers.
fn reserve(buffer: &mut Vec<Line>, numbers: usize) -> *mut f32 {
    if 16 * buffer.len() < numbers {
        buffer.resize(numbers.div_ceil(16), Line([0.; 16]));
    }
    buffer.as_mut_ptr().cast()
}

/// `c = a·b` or `c += a·b`; see [`super::super::product`].
///
/// # Safety
/// As [`super::super::product`], and the processor is [`supported`].
#[target_feature(enable = "avx2,fma")]
pub unsafe fn product(
    (m, n, k): (usize, usize, usize),
    a: Matrix<f32>,
    b: Matrix<f32>,
    c: *mut f32,
    stride: usize,
    accumulate: bool,
) {
    let (rows, columns) = (Lines::rows(a, m, k), Lines::columns(b, n, k));
    let (height, width) = if m <= WHOLE.0 { WHOLE } else { BLOCK };
    let depth = native::depth(k);
    PACKED.with_borrow_mut(|[left, right]| {
        let left = reserve(left, m.min(height).div_ceil(ROWS) * panel::<ROWS>());
        let right = reserve(right, n.min(width).div_ceil(COLUMNS) * panel::<COLUMNS>());
        let mut layout = Left::Rows;
        for p in (0..k.max(1)).step_by(depth) {
            let deep = (p, depth.min(k - p));
            for j in (0..n).step_by(width) {
                let width = width.min(n - j);
                // SAFETY: the caller's promise; the buffer has room for the block, which is inside the matrix.
                unsafe { pack_columns(columns.part((j, width), deep), right) };
                for i in (0..m).step_by(height) {
                    let height = height.min(m - i);
                    if j == 0 || height < m {
                        // SAFETY: the same.
                        layout = unsafe { pack_rows(rows.part((i, height), deep), left) };
                    }
                    let c = c.wrapping_add(i * stride + j);
                    let place = Place { c, stride, rows: height, columns: width, add: accumulate || p > 0 };
                    // SAFETY: the panels of these rows and columns, and the caller's promise of the result.
                    unsafe { block(deep.1, left, layout, right, place) };
                }
            }
        }
    });
}

/// All tiles of a block.
///
/// # Safety
/// As [`tile`], with as many panels as `block` needs.
#[target_feature(enable = "avx2,fma")]
unsafe fn block(depth: usize, a: *const f32, layout: Left, b: *const f32, block: Place) {
    for j in (0..block.columns).step_by(COLUMNS) {
        let b = b.wrapping_add(j / COLUMNS * panel::<COLUMNS>());
        for i in (0..block.rows).step_by(ROWS) {
            let a = a.wrapping_add(i / ROWS * panel::<ROWS>());
            // SAFETY: the panels of these rows and columns.
            unsafe { tile(depth, a, layout, b, block.tile((i, j), (ROWS, COLUMNS))) };
        }
    }
}

#[cfg(test)]
mod tests;
