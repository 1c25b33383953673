//! Products by `vdpbf16ps`, an instruction of AVX512-BF16 that multiplies and adds 32 pairs.
//!
//! The operands are rounded while they are packed ([`pack`]), the kernel makes a tile of the result in registers
//! ([`tile`]), and the walk over the matrices takes blocks that fit the caches. Subnormal numbers count as zero.

mod pack;
mod tile;

use std::arch::x86_64::{__cpuid, __m512i, _mm512_setzero_si512};
use std::cell::RefCell;

use super::lines::Lines;
use super::rounded::thrice;
use super::{Matrix, Place};
use pack::{pack, panel};
use tile::{COLUMNS, ROWS, tile};

/// Whether this processor has the instructions.
pub fn supported() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512bf16")
}

/// Depth of a block at most: a panel of `b` stays in the first cache.
const DEPTH: usize = 512;
/// Rows of a packed block of `a`.
const M: usize = 20 * ROWS;
/// Columns of a packed block of `b`.
const N: usize = 32 * COLUMNS;

thread_local! {
    /// The packed blocks of `a` and `b`, kept from call to call.
    static PACKED: RefCell<[Vec<__m512i>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
}

/// Whether an instruction does twice the work of one of f32 at the same rate: on AMD (Zen 4 and later). Intel's processors
/// begin one in two cycles, which makes a product slower than in f32.
pub fn full_rate() -> bool {
    let vendor = __cpuid(0);
    [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes).as_flattened() == b"AuthenticAMD"
}

/// Room for `pairs`.
#[target_feature(enable = "avx512f")]
fn reserve(buffer: &mut Vec<__m512i>, pairs: usize) -> *mut i32 {
    if 16 * buffer.len() < pairs {
        buffer.resize(pairs.div_ceil(16), _mm512_setzero_si512());
    }
    buffer.as_mut_ptr().cast()
}

/// `c = a·b` or `c += a·b`, finished, with operands of `P` parts; see [`super::product`].
///
/// # Safety
/// As [`super::product`], and the processor is [`supported`].
pub unsafe fn product<const P: usize>(k: usize, a: Matrix<f32>, b: Matrix<f32>, place: Place) {
    // SAFETY: the caller's promise.
    unsafe { if P == 1 { one(k, a, b, place) } else { thrice(k, a, b, place, one) } }
}

/// The same in one part.
///
/// # Safety
/// As [`product`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn one(k: usize, a: Matrix<f32>, b: Matrix<f32>, place: Place) {
    let (m, n) = (place.rows, place.columns);
    let (rows, columns) = (Lines::rows(a, m, k), Lines::columns(b, n, k));
    let depth = k.div_ceil(k.div_ceil(DEPTH).max(1)).next_multiple_of(2);
    PACKED.with_borrow_mut(|[left, right]| {
        let left = reserve(left, m.min(M).div_ceil(ROWS) * panel::<ROWS>(depth));
        let right = reserve(right, n.min(N).div_ceil(COLUMNS) * panel::<COLUMNS>(depth));
        for j in (0..n).step_by(N) {
            for p in (0..k.max(1)).step_by(depth.max(1)) {
                let (width, deep) = (N.min(n - j), (p, depth.min(k - p)));
                let place = place.block(p == 0, p + depth >= k);
                // SAFETY: the caller's promise; the buffers have room for the blocks, which are inside the matrices.
                unsafe {
                    pack::<COLUMNS>(columns.part((j, width), deep), right);
                    for i in (0..m).step_by(M) {
                        pack::<ROWS>(rows.part((i, M.min(m - i)), deep), left);
                        block(deep.1, left, right, place.tile((i, j), (M, N)));
                    }
                }
            }
        }
    });
}

/// All tiles of a block.
///
/// # Safety
/// As [`tile`], with as many panels as `block` needs.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn block(depth: usize, a: *const i32, b: *const i32, block: Place) {
    for j in (0..block.columns).step_by(COLUMNS) {
        let b = b.wrapping_add(j / COLUMNS * panel::<COLUMNS>(depth));
        for i in (0..block.rows).step_by(ROWS) {
            let place = block.tile((i, j), (ROWS, COLUMNS));
            // SAFETY: the panels of these rows and columns.
            unsafe { tile(depth.div_ceil(2), a.wrapping_add(i / ROWS * panel::<ROWS>(depth)), b, place) };
        }
    }
}
