//! [`super::pack::square`] in vectors of AVX-512.

use std::arch::x86_64::*;

use super::super::avx512::{Number, interleaving, mask, transpose};
use super::super::operand::{Kind, Operand, Side};
use super::pack::{LINES, PANEL, square_of as any};
use crate::lines::Lines;

/// Rows of a square, a vector each, of every part.
type Rows<const P: usize> = [[__m512i; LINES]; P];

/// Packs `P` squares, [`PANEL`] rows apart, from `line` and `element` on.
///
/// # Safety
/// The processor has AVX-512 F, BW, VL and BF16, the operand describes readable numbers, and `out`, aligned to 64 bytes, has room.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub unsafe fn square<const P: usize>(x: Operand, line: usize, element: usize, out: *mut u16) {
    // SAFETY: the caller's promise.
    unsafe {
        match x.kind {
            Kind::Exact(lines) => square_of::<P, _>(lines, x.side, line, element, out),
            Kind::Bf16(lines) => square_of::<P, _>(lines, x.side, line, element, out),
        }
    }
}

/// The same of numbers of one kind.
///
/// # Safety
/// As [`square`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn square_of<const P: usize, N: Number + Into<f32>>(
    lines: Lines<N>,
    side: Side,
    line: usize,
    element: usize,
    out: *mut u16,
) {
    let left = side == Side::Left;
    // SAFETY: the caller's promise.
    let (rows, turned) = unsafe {
        match (lines.step, lines.line) {
            (1, _) => (along::<P, N>(lines, line, element), !left),
            (_, 1) => (across::<P, N>(lines, line, element), left),
            _ => return any::<P, N>(lines, side, line, element, out),
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
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn along<const P: usize, N: Number>(x: Lines<N>, line: usize, element: usize) -> Rows<P> {
    let rest = x.depth - element;
    let (low, high) = (mask(rest), mask(rest.saturating_sub(16)));
    let mut rows = [[_mm512_setzero_si512(); LINES]; P];
    for i in 0..LINES {
        let (low, high) = if line + i < x.lines { (low, high) } else { (0, 0) };
        let at = x.at(line + i, element);
        // SAFETY: the masks keep to the line.
        let parts = unsafe { N::parts::<P>([at, at.wrapping_add(16)], [low, high]) };
        for (rows, part) in rows.iter_mut().zip(parts) {
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
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn across<const P: usize, N: Number>(x: Lines<N>, line: usize, element: usize) -> Rows<P> {
    let (inside, pairs) = (mask(x.lines.saturating_sub(line)), interleaving());
    let mut rows = [[_mm512_setzero_si512(); LINES]; P];
    for i in 0..LINES {
        let pair = [0, 1].map(|half| element + 2 * i + half);
        let masks = pair.map(|element| if element < x.depth { inside } else { 0 });
        // SAFETY: the masks keep to the lines and the depth.
        let parts = unsafe { N::parts::<P>(pair.map(|element| x.at(line, element)), masks) };
        for (rows, part) in rows.iter_mut().zip(parts) {
            rows[i] = _mm512_permutexvar_epi16(pairs, part);
        }
    }
    rows
}
