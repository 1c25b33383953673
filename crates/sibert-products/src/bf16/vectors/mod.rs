//! Products by `vdpbf16ps`, an instruction of AVX512-BF16 that multiplies and adds 32 pairs.
//!
//! The operands are rounded while they are packed ([`pack`]), the kernel makes a tile of the result in registers
//! ([`tile`]). Subnormal numbers count as zero.

mod pack;
mod tile;

use std::arch::x86_64::__cpuid;
use std::cell::RefCell;

use super::avx512::Number;
use super::operand::{Kind, Operand, Row, Side, reserve};
use super::rounded::thrice;
use super::together::{Kernel, Panels};
use super::{Matrix, Numbers, Place, together};
use crate::divided::share;
use crate::lines::Lines;
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
/// Rows of a block of packed `a`, which stays in the second cache.
const M: usize = 20 * ROWS;
/// Columns of packed `b` that pass by all of `a`.
const N: usize = 4 * COLUMNS;

thread_local! {
    /// Packed lines of the longer side, kept from call to call.
    static PACKED: RefCell<Vec<Row>> = const { RefCell::new(Vec::new()) };
}

/// Whether an instruction does twice the work of one of f32 at the same rate: on AMD (Zen 4 and later). Intel's processors
/// begin one in two cycles, which makes a product slower than in f32.
pub fn full_rate() -> bool {
    let vendor = __cpuid(0);
    [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes).as_flattened() == b"AuthenticAMD"
}

/// `c = a·b` or `c += a·b`, finished, with operands of `P` parts, by so many threads; see [`super::product`].
///
/// # Safety
/// As [`super::product`], and the processor is [`supported`].
pub unsafe fn product<const P: usize>(
    threads: usize,
    k: usize,
    a: Numbers<f32>,
    b: Numbers<f32>,
    place: Place,
) {
    // SAFETY: the caller's promise.
    unsafe {
        match P {
            1 => together::product(threads, || Vectors, k, a, b, place),
            _ => thrice(k, a.exact(), b.exact(), place, alone),
        }
    }
}

/// The same in one part, on one thread.
///
/// # Safety
/// As [`product`].
unsafe fn alone(k: usize, a: Matrix<f32>, b: Matrix<f32>, place: Place) {
    // SAFETY: the caller's promise.
    unsafe { together::product(1, || Vectors, k, a.into(), b.into(), place) }
}

/// Multiplies panels by tiles in registers.
struct Vectors;

impl Kernel for Vectors {
    fn depth(k: usize, _: &Operand) -> usize {
        k.div_ceil(k.div_ceil(DEPTH)).next_multiple_of(2)
    }

    fn lines(side: Side) -> usize {
        side.order(ROWS, COLUMNS).0
    }

    fn rows(side: Side, depth: usize) -> usize {
        match side {
            Side::Left => panel::<ROWS>(depth),
            Side::Right => panel::<COLUMNS>(depth),
        }
    }

    unsafe fn pack(x: Operand, out: *mut Row, (nth, of): (usize, usize)) {
        let (lines, depth) = x.size();
        let lines = share(lines, nth, of, Self::lines(x.side));
        let out = out.wrapping_add(lines.start / Self::lines(x.side) * Self::rows(x.side, depth));
        let x = x.only((lines.start, lines.len()));
        // SAFETY: the caller's promise; so many panels.
        unsafe {
            match x.kind {
                Kind::Exact(lines) => panels(x.side, lines, out),
                Kind::Bf16(lines) => panels(x.side, lines, out),
            }
        }
    }

    unsafe fn multiply(&self, longer: Operand, shorter: Panels, place: Place) {
        let (side, (lines, depth)) = (longer.side, longer.size());
        // Rows go through all columns as one block; columns through one block of rows after the other.
        let (chunk, block) = match side {
            Side::Left => (M, shorter.lines),
            Side::Right => (N, M),
        };
        PACKED.with_borrow_mut(|packed| {
            let panels = chunk.min(lines).div_ceil(Self::lines(side));
            let packed = reserve(packed, panels * Self::rows(side, depth));
            for first in (0..lines).step_by(chunk) {
                // SAFETY: the caller's promise; there is room for so many lines.
                unsafe { Self::pack(longer.only((first, chunk.min(lines - first))), packed, (0, 1)) };
                for start in (0..shorter.lines).step_by(block) {
                    let panel = start / Self::lines(side.other()) * Self::rows(side.other(), depth);
                    let (a, b) = side.order(packed.cast_const(), shorter.data.wrapping_add(panel));
                    let place = place.tile(side.order(first, start), side.order(chunk, block));
                    // SAFETY: the panels of these lines, and their part of the place.
                    unsafe { tiles(depth, a, b, place) };
                }
            }
        });
    }
}

/// Packs the lines of a side.
///
/// # Safety
/// As [`pack`].
unsafe fn panels<N: Number>(side: Side, lines: Lines<N>, out: *mut Row) {
    // SAFETY: the caller's promise.
    unsafe {
        match side {
            Side::Left => pack::<ROWS, N>(lines, out),
            Side::Right => pack::<COLUMNS, N>(lines, out),
        }
    }
}

/// All tiles of a block.
///
/// # Safety
/// As [`tile`], with as many panels as `block` needs.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn tiles(depth: usize, a: *const Row, b: *const Row, block: Place) {
    for j in (0..block.columns).step_by(COLUMNS) {
        let b = b.wrapping_add(j / COLUMNS * panel::<COLUMNS>(depth));
        for i in (0..block.rows).step_by(ROWS) {
            let a = a.wrapping_add(i / ROWS * panel::<ROWS>(depth));
            let place = block.tile((i, j), (ROWS, COLUMNS));
            // SAFETY: the panels of these rows and columns.
            unsafe { tile(depth.div_ceil(2), a.cast(), b.cast(), place) };
        }
    }
}
