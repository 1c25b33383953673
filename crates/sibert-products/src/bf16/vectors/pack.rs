//! Operands in the order in which the kernel reads them, rounded to bfloat16.
//!
//! A panel holds up to `W` lines: for every two neighbours along the depth, the pairs of all lines one after the other.
//! Beyond the depth are zeros; pairs of lines beyond the edge are never used.

use std::arch::x86_64::*;

use super::super::avx512::{Number, interleaving, mask, transpose};
use super::super::operand::Row;
use crate::lines::Lines;

/// Rows of a panel: whole vectors are written, so that the last may reach beyond its pairs.
pub const fn panel<const W: usize>(depth: usize) -> usize {
    (depth.div_ceil(2) * W + (16 - W % 16) % 16).div_ceil(16)
}

/// Where the pairs of a line begin.
fn pairs_of<const W: usize>(out: *mut Row, line: usize, depth: usize) -> *mut i32 {
    out.wrapping_add(line / W * panel::<W>(depth)).cast::<i32>().wrapping_add(line % W)
}

/// Packs `lines` into panels of `W`, [`panel`] rows apart.
///
/// # Safety
/// The processor has AVX-512 F, BW, VL and BF16, `lines` describes readable numbers, `out` has room for all panels.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub unsafe fn pack<const W: usize, N: Number>(lines: Lines<N>, out: *mut Row) {
    // SAFETY: the caller's promise.
    unsafe {
        match (lines.step, lines.line) {
            (1, _) => along::<W, N>(lines, out),
            (_, 1) => across::<W, N>(lines, out),
            _ => strided::<W, N>(lines, out),
        }
    }
}

/// Neighbours in memory are neighbours of a line: squares of 16 x 16 pairs are transposed.
///
/// # Safety
/// As [`pack`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn along<const W: usize, N: Number>(lines: Lines<N>, out: *mut Row) {
    /// Numbers from those that are packed to those that are asked for.
    const AHEAD: usize = 64;
    let pairs = lines.depth.div_ceil(2);
    for first in (0..lines.lines).step_by(16.min(W)) {
        let out = pairs_of::<W>(out, first, lines.depth);
        let count = (lines.lines - first).min(W);
        for p in (0..pairs).step_by(16) {
            let rest = lines.depth - 2 * p;
            let (low, high) = (mask(rest), mask(rest.saturating_sub(16)));
            let mut square = [_mm512_setzero_si512(); 16];
            for (r, row) in square.iter_mut().enumerate().take(W) {
                let (low, high) = if r < count { (low, high) } else { (0, 0) };
                let at = lines.at(first + r, 2 * p);
                ask([at.wrapping_add(AHEAD), at.wrapping_add(AHEAD + 16)]);
                // SAFETY: the masks keep to the line.
                [*row] = unsafe { N::parts([at, at.wrapping_add(16)], [low, high]) };
            }
            // Always 16 turns: with a number known in advance the square stays in registers.
            for (i, column) in transpose(square).into_iter().enumerate() {
                if p + i < pairs {
                    // SAFETY: pair p + i of the panel.
                    unsafe { _mm512_storeu_si512(out.add((p + i) * W).cast(), column) };
                }
            }
        }
    }
}

/// Neighbours in memory belong to neighbouring lines: the numbers of two elements are interleaved.
///
/// # Safety
/// As [`pack`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn across<const W: usize, N: Number>(lines: Lines<N>, out: *mut Row) {
    /// Pairs packed for all lines before the next: few enough that the cache keeps their rows, far apart in memory.
    const STEP: usize = 4;
    /// Pairs from those that are packed to those that are asked for.
    const AHEAD: usize = 2 * STEP;
    let interleave = interleaving();
    let pairs = lines.depth.div_ceil(2);
    for start in (0..pairs).step_by(STEP) {
        for first in (0..lines.lines).step_by(16.min(W)) {
            let out = pairs_of::<W>(out, first, lines.depth);
            let inside = mask((lines.lines - first).min(W));
            for p in start..pairs.min(start + STEP) {
                let second = if 2 * p + 1 < lines.depth { inside } else { 0 };
                ask([lines.at(first, 2 * (p + AHEAD)), lines.at(first, 2 * (p + AHEAD) + 1)]);
                let pair = [lines.at(first, 2 * p), lines.at(first, 2 * p + 1)];
                // SAFETY: the masks keep to the lines and the depth; pair p of the panel.
                unsafe {
                    let [row] = N::parts(pair, [inside, second]);
                    let row = _mm512_permutexvar_epi16(interleave, row);
                    _mm512_storeu_si512(out.add(p * W).cast(), row);
                }
            }
        }
    }
}

/// Any distances, one number at a time.
///
/// # Safety
/// As [`pack`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn strided<const W: usize, N: Number>(lines: Lines<N>, out: *mut Row) {
    let interleave = interleaving();
    for first in (0..lines.lines).step_by(16.min(W)) {
        let out = pairs_of::<W>(out, first, lines.depth);
        let count = (lines.lines - first).min(W).min(16);
        for p in 0..lines.depth.div_ceil(2) {
            let mut pair = [[N::default(); 16]; 2];
            for (half, numbers) in pair.iter_mut().enumerate().take(lines.depth - 2 * p) {
                for (r, number) in numbers.iter_mut().enumerate().take(count) {
                    // SAFETY: a number of the operand.
                    *number = unsafe { *lines.at(first + r, 2 * p + half) };
                }
            }
            // SAFETY: 16 numbers each; pair p of the panel.
            unsafe {
                let [row] = N::parts([pair[0].as_ptr(), pair[1].as_ptr()], [!0; 2]);
                _mm512_storeu_si512(out.add(p * W).cast(), _mm512_permutexvar_epi16(interleave, row));
            }
        }
    }
}

/// Asks for numbers that are packed soon: lines are too far apart, and their parts too short, for the processor to see a pattern.
#[inline]
#[target_feature(enable = "avx512f")]
fn ask<N>(ahead: [*const N; 2]) {
    for at in ahead {
        _mm_prefetch::<_MM_HINT_T0>(at.cast()); // any address may be asked for
    }
}
