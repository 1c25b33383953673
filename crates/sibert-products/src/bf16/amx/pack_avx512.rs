//! [`super::pack::square`] in vectors of AVX-512.

use std::arch::x86_64::*;

use super::super::avx512::{interleaving, mask, transpose};
use super::super::lines::Lines;
use super::super::operand::{Operand, Side};
use super::pack::{LINES, PANEL, square as any};

/// Rows of a square, a vector each, of every part.
type Rows<const P: usize> = [[__m512i; LINES]; P];

/// Packs `P` squares, [`PANEL`] rows apart, from `line` and `element` on.
///
/// # Safety
/// The processor has AVX-512 F, BW and BF16, the operand describes readable numbers, and `out`, aligned to 64 bytes, has room.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub unsafe fn square<const P: usize>(x: Operand, line: usize, element: usize, out: *mut u16) {
    let (lines, left) = (x.lines, x.side == Side::Left);
    // SAFETY: the caller's promise.
    let (rows, turned) = unsafe {
        match (lines.step, lines.line) {
            (1, _) => (along::<P>(lines, line, element), !left),
            (_, 1) => (across::<P>(lines, line, element), left),
            _ => return any::<P>(x, line, element, out),
        }
    };
    for (part, rows) in rows.into_iter().enumerate() {
        let rows = if turned { transpose(rows) } else { rows };
        for (i, row) in rows.into_iter().enumerate() {
            // SAFETY: row `i` of the square of this part.
            unsafe { _mm512_store_si512(out.cast::<__m512i>().add(part * PANEL + i), row) };
        }
    }
}

/// Row `i` holds 32 elements of line `i`, which are neighbours in memory.
///
/// # Safety
/// As [`square`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn along<const P: usize>(x: Lines, line: usize, element: usize) -> Rows<P> {
    let rest = x.depth - element;
    let (low, high) = (mask(rest), mask(rest.saturating_sub(16)));
    let mut rows = [[_mm512_setzero_si512(); LINES]; P];
    for i in 0..LINES {
        let (low, high) = if line + i < x.lines { (low, high) } else { (0, 0) };
        let at = x.at(line + i, element);
        // SAFETY: the masks keep to the line.
        let (low, high) =
            unsafe { (_mm512_maskz_loadu_ps(low, at), _mm512_maskz_loadu_ps(high, at.wrapping_add(16))) };
        for (rows, part) in rows.iter_mut().zip(parts::<P>(low, high)) {
            rows[i] = part;
        }
    }
    rows
}

/// Row `i` holds pair `i` of 16 lines, which are neighbours in memory.
///
/// # Safety
/// As [`square`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn across<const P: usize>(x: Lines, line: usize, element: usize) -> Rows<P> {
    let (inside, pairs) = (mask(x.lines.saturating_sub(line)), interleaving());
    let mut rows = [[_mm512_setzero_si512(); LINES]; P];
    for i in 0..LINES {
        let [even, odd] = [0, 1].map(|half| {
            let element = element + 2 * i + half;
            let mask = if element < x.depth { inside } else { 0 };
            // SAFETY: the mask keeps to the lines and the depth.
            unsafe { _mm512_maskz_loadu_ps(mask, x.at(line, element)) }
        });
        for (rows, part) in rows.iter_mut().zip(parts::<P>(even, odd)) {
            rows[i] = _mm512_permutexvar_epi16(pairs, part);
        }
    }
    rows
}

/// The parts of 32 numbers: the nearest bfloat16, then the nearest to what is left.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn parts<const P: usize>(mut low: __m512, mut high: __m512) -> [__m512i; P] {
    let mut parts = [_mm512_setzero_si512(); P];
    for (i, part) in parts.iter_mut().enumerate() {
        // SAFETY: both are 512 bits of any value.
        *part = unsafe { std::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(high, low)) };
        if i + 1 < P {
            low = _mm512_sub_ps(low, wide(_mm512_castsi512_si256(*part)));
            high = _mm512_sub_ps(high, wide(_mm512_extracti64x4_epi64::<1>(*part)));
        }
    }
    parts
}

/// 16 numbers as f32.
#[inline]
#[target_feature(enable = "avx512f")]
fn wide(x: __m256i) -> __m512 {
    _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(x)))
}
