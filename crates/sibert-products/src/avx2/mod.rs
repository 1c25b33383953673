//! f32 products by vectors of AVX2: 6 x 16 numbers of the result in registers, of operands that are packed as they are or
//! rounded to bfloat16.
//!
//! The bits are those of `gemm`, of the operands or of their rounded copies: every element is the sum of a block of the
//! depth, by one chain of fused multiplications and additions from zero, added to the sum of the blocks before it.

mod pack;
mod tile;

use std::cell::RefCell;
use std::sync::OnceLock;

use cukernel::simd;

use super::lines::Lines;
use super::{Matrix, Place, SMALL_RESULT, native};
pub use pack::{Exact, Packing, Rounded};
use pack::{pack_columns, pack_rows, panel};
use tile::{COLUMNS, Left, ROWS, tile};

/// Whether this processor has the instructions.
pub fn supported() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

/// Whether they are the widest that it may use: `gemm` with wider vectors takes less time.
pub fn gains() -> bool {
    static GAINS: OnceLock<bool> = OnceLock::new();
    *GAINS.get_or_init(|| supported() && !is_x86_feature_detected!("avx512f") && !simd::is_portable())
}

/// Whether a product is summed as here: `gemm` has other orders for vectors and small results.
pub fn takes((m, n, k): (usize, usize, usize)) -> bool {
    m > 1 && n > 1 && m * n > SMALL_RESULT && k > 2
}

/// Whether an exact product takes less time than by `gemm`, which has little to pack for narrow results, and for few rows
/// unless the columns of `b` are contiguous.
pub fn pays((m, n, _): (usize, usize, usize), b: Matrix<f32>) -> bool {
    const LEAST: usize = 2 * COLUMNS;
    n >= LEAST && (m >= LEAST || b.row == 1)
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

/// `c = a·b` or `c += a·b`, finished, of operands that are packed by `P`, on one thread.
///
/// # Safety
/// As [`Multiply::product`](super::Multiply::product), and the processor is [`supported`].
#[target_feature(enable = "avx2,fma")]
pub unsafe fn product<P: Packing>(k: usize, a: Matrix<f32>, b: Matrix<f32>, place: Place) {
    let (m, n) = (place.rows, place.columns);
    let (rows, columns) = (Lines::rows(a, m, k), Lines::columns(b, n, k));
    let (height, width) = if m <= WHOLE.0 { WHOLE } else { BLOCK };
    let depth = native::depth(k);
    PACKED.with_borrow_mut(|[left, right]| {
        let left = reserve(left, m.min(height).div_ceil(ROWS) * panel::<ROWS>());
        let right = reserve(right, n.min(width).div_ceil(COLUMNS) * panel::<COLUMNS>());
        for p in (0..k.max(1)).step_by(depth) {
            let deep = (p, depth.min(k - p));
            let place = place.block(p == 0, p + depth >= k);
            let mut packed = None;
            for j in (0..n).step_by(width) {
                let width = width.min(n - j);
                // SAFETY: the caller's promise; the buffer has room for the block, which is inside the matrix.
                unsafe { pack_columns::<P>(columns.part((j, width), deep), right) };
                for i in (0..m).step_by(height) {
                    // SAFETY: the same.
                    let pack = || unsafe { pack_rows::<P>(rows.part((i, height.min(m - i)), deep), left) };
                    let a = packed.filter(|_| m <= height).unwrap_or_else(pack);
                    packed = Some(a);
                    // SAFETY: the panels of these rows and columns, and the caller's promise of the result.
                    unsafe { block(deep.1, a, right, place.tile((i, j), (height, width))) };
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
unsafe fn block(depth: usize, a: Left, b: *const f32, block: Place) {
    for j in (0..block.columns).step_by(COLUMNS) {
        let b = b.wrapping_add(j / COLUMNS * panel::<COLUMNS>());
        for i in (0..block.rows).step_by(ROWS) {
            let rows = a.data.wrapping_add(i / ROWS * a.panel);
            // SAFETY: the panels of these rows and columns.
            unsafe { tile(depth, rows, a.layout, b, block.tile((i, j), (ROWS, COLUMNS))) };
        }
    }
}

#[cfg(test)]
mod tests;
