//! Operands in the order in which the kernel reads them, exact or rounded to bfloat16.
//!
//! A panel holds up to `W` lines: for every step of the depth the numbers of all lines, or (of rows that are contiguous) the
//! lines one after the other. What is beyond the edge is never used.

use std::arch::x86_64::*;

use super::super::bf16::round;
use super::super::lines::Lines;
use super::super::native::DEPTH;
use super::tile::{COLUMNS, Layout, Left, ROWS, load};

/// What becomes of numbers that are packed.
pub trait Packing {
    /// Whether they stay as they are.
    const EXACT: bool;

    /// Eight numbers.
    ///
    /// # Safety
    /// The processor has AVX2.
    unsafe fn pack(x: __m256) -> __m256;
}

/// Nothing.
pub enum Exact {}

/// The nearest bfloat16, as [`round::round`] has it.
pub enum Rounded {}

impl Packing for Exact {
    const EXACT: bool = true;

    #[inline(always)]
    unsafe fn pack(x: __m256) -> __m256 {
        x
    }
}

impl Packing for Rounded {
    const EXACT: bool = false;

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn pack(x: __m256) -> __m256 {
        let bits = _mm256_castps_si256(x);
        let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
        let nearest = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
        let quiet = _mm256_or_si256(bits, _mm256_set1_epi32(round::QUIET as i32));
        let nan = _mm256_cmp_ps::<_CMP_UNORD_Q>(x, x);
        let bits = _mm256_blendv_ps(_mm256_castsi256_ps(nearest), _mm256_castsi256_ps(quiet), nan);
        _mm256_and_ps(bits, _mm256_castsi256_ps(_mm256_set1_epi32(!0xffff)))
    }
}

/// Distance of two lines that a panel holds one after the other: an odd number of cache lines.
const LINE: usize = DEPTH + 16;

/// Numbers from one panel to the next.
pub const fn panel<const W: usize>() -> usize {
    W * LINE
}

/// Packs the rows of `a` into panels of [`ROWS`]; what the kernel can read where it is stays there.
///
/// # Safety
/// The processor has AVX2 and FMA, `rows` describes readable numbers, `out` has room for all panels.
#[target_feature(enable = "avx2,fma")]
pub unsafe fn pack_rows<P: Packing>(rows: Lines, out: *mut f32) -> Left {
    if rows.step != 1 {
        // SAFETY: the caller's promise.
        unsafe { steps::<P, ROWS>(rows, out) };
        return Left { data: out, panel: panel::<ROWS>(), layout: Layout::Steps };
    }
    if P::EXACT {
        return Left { data: rows.data, panel: ROWS * rows.line, layout: Layout::Rows(rows.line) };
    }
    for line in 0..rows.lines {
        let out = out.wrapping_add(line * LINE);
        for p in (0..rows.depth).step_by(8) {
            // SAFETY: the mask keeps to the line; a line of the panel is as long as the greatest depth and a vector.
            unsafe {
                let x = load(rows.at(line, p), rows.depth - p);
                _mm256_store_ps(out.add(p), P::pack(x));
            }
        }
    }
    Left { data: out, panel: panel::<ROWS>(), layout: Layout::Rows(LINE) }
}

/// Packs the columns of `b` into panels of [`COLUMNS`].
///
/// # Safety
/// As [`pack_rows`].
#[target_feature(enable = "avx2,fma")]
pub unsafe fn pack_columns<P: Packing>(columns: Lines, out: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe {
        match columns.step {
            1 => transposed::<P>(columns, out),
            _ => steps::<P, COLUMNS>(columns, out),
        }
    }
}

/// Neighbours in memory belong to neighbouring lines, or to none.
///
/// # Safety
/// As [`pack_rows`].
#[target_feature(enable = "avx2,fma")]
unsafe fn steps<P: Packing, const W: usize>(lines: Lines, out: *mut f32) {
    /// Steps packed for all lines before the next: few enough that the cache keeps them, far apart in memory.
    const STEPS: usize = 8;
    for start in (0..lines.depth).step_by(STEPS) {
        for first in (0..lines.lines).step_by(W.min(8)) {
            let out = out.wrapping_add(first / W * panel::<W>() + first % W);
            let count = lines.lines - first;
            let steps = start..lines.depth.min(start + STEPS);
            // SAFETY: numbers of the lines; the eight of a step, of which the next step overwrites what is beyond W.
            unsafe {
                let write = |p: usize, x| _mm256_storeu_ps(out.add(p * W), P::pack(x));
                match (lines.line, count) {
                    (1, 8..) => {
                        for p in steps {
                            write(p, _mm256_loadu_ps(lines.at(first, p)));
                        }
                    }
                    (1, _) => {
                        for p in steps {
                            write(p, load(lines.at(first, p), count));
                        }
                    }
                    _ => {
                        for p in steps {
                            write(p, gather(lines, first, count, p));
                        }
                    }
                }
            }
        }
    }
}

/// Neighbours in memory are neighbours of a line: squares of 8 x 8 numbers are transposed.
///
/// # Safety
/// As [`pack_rows`].
#[target_feature(enable = "avx2,fma")]
unsafe fn transposed<P: Packing>(lines: Lines, out: *mut f32) {
    for first in (0..lines.lines).step_by(8) {
        let out = out.wrapping_add(first / COLUMNS * panel::<COLUMNS>() + first % COLUMNS);
        let count = lines.lines - first;
        for p in (0..lines.depth).step_by(8) {
            let mut square = [_mm256_setzero_ps(); 8];
            for (r, row) in square.iter_mut().enumerate() {
                if r < count {
                    // SAFETY: the mask keeps to the line.
                    *row = unsafe { P::pack(load(lines.at(first + r, p), lines.depth - p)) };
                }
            }
            for (i, step) in transpose(square).into_iter().enumerate() {
                // SAFETY: a panel has room for all steps of a vector.
                unsafe { _mm256_store_ps(out.add((p + i) * COLUMNS), step) };
            }
        }
    }
}

/// Columns become rows.
#[inline]
#[target_feature(enable = "avx2")]
fn transpose(x: [__m256; 8]) -> [__m256; 8] {
    let [a, b, c, d, e, f, g, h] = x;
    // Within each 128 bits: rows 0 to 3 and rows 4 to 7 of columns 0 and 4, 1 and 5, 2 and 6, 3 and 7.
    let squares = |a, b, c, d| {
        let (low, high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
        let (low2, high2) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
        [
            _mm256_shuffle_ps::<0x44>(low, low2),
            _mm256_shuffle_ps::<0xee>(low, low2),
            _mm256_shuffle_ps::<0x44>(high, high2),
            _mm256_shuffle_ps::<0xee>(high, high2),
        ]
    };
    let (top, bottom) = (squares(a, b, c, d), squares(e, f, g, h));
    let low = |i: usize| _mm256_permute2f128_ps::<0x20>(top[i], bottom[i]);
    let high = |i: usize| _mm256_permute2f128_ps::<0x31>(top[i], bottom[i]);
    [low(0), low(1), low(2), low(3), high(0), high(1), high(2), high(3)]
}

/// Step `p` of up to eight of `count` lines that are not neighbours.
///
/// # Safety
/// They are readable.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn gather(lines: Lines, first: usize, count: usize, p: usize) -> __m256 {
    let mut numbers = [0f32; 8];
    for (r, number) in numbers.iter_mut().enumerate().take(count) {
        // SAFETY: the caller's promise.
        *number = unsafe { *lines.at(first + r, p) };
    }
    // SAFETY: eight numbers.
    unsafe { _mm256_loadu_ps(numbers.as_ptr()) }
}
