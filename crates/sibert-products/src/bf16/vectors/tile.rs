//! One tile of the result, in registers.

use std::arch::x86_64::*;

use super::super::avx512::mask;
use super::super::place::Place;

/// Rows of a tile: 12 x 2 accumulators of 16 numbers leave 8 registers for the operands.
pub const ROWS: usize = 12;

/// Columns of a tile.
pub const COLUMNS: usize = 32;

/// `c = a·b` or `c += a·b` for up to [`ROWS`] x [`COLUMNS`] elements.
///
/// # Safety
/// The processor has AVX-512 F and BF16; `a` and `b` are packed panels of `pairs` x ROWS and `pairs` x COLUMNS pairs;
/// `place` is inside the result.
#[target_feature(enable = "avx512f,avx512bf16")]
pub unsafe fn tile(pairs: usize, a: *const i32, b: *const i32, place: Place) {
    macro_rules! rows {
        ($($rows:literal)*) => {
            match (place.rows, place.columns > 16) {
                // SAFETY: the caller's promise.
                $(($rows, true) => unsafe { sized::<$rows, 2>(pairs, a, b, place) },
                // SAFETY: the caller's promise.
                ($rows, false) => unsafe { sized::<$rows, 1>(pairs, a, b, place) },)*
                _ => unreachable!("a tile has 1 to {ROWS} rows"),
            }
        };
    }
    rows!(12 11 10 9 8 7 6 5 4 3 2 1)
}

/// [`tile`] with `R` rows and `V` vectors of columns.
///
/// # Safety
/// As [`tile`], whose place has so many rows and vectors.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn sized<const R: usize, const V: usize>(pairs: usize, a: *const i32, b: *const i32, place: Place) {
    let Place { c, stride, columns, add, .. } = place;
    for r in 0..R {
        // The sums are ready long after: by then the first and the last line of every row are in the cache.
        _mm_prefetch::<_MM_HINT_T0>(c.wrapping_add(r * stride).cast());
        _mm_prefetch::<_MM_HINT_T0>(c.wrapping_add(r * stride + columns - 1).cast());
    }
    let mut sums = [[_mm512_setzero_ps(); V]; R];
    for p in 0..pairs {
        // SAFETY: pair `p` of both panels.
        unsafe {
            let (a, b) = (a.add(p * ROWS), b.add(p * COLUMNS));
            let right: [__m512bh; V] = std::array::from_fn(|v| cast(load(b.add(16 * v))));
            for (r, row) in sums.iter_mut().enumerate() {
                let left = cast(_mm512_set1_epi32(*a.add(r)));
                for (sum, &right) in row.iter_mut().zip(&right) {
                    *sum = _mm512_dpbf16_ps(*sum, left, right);
                }
            }
        }
    }
    let edge = mask(columns - 16 * (V - 1));
    for (r, row) in sums.iter().enumerate() {
        for (v, &sum) in row.iter().enumerate() {
            let mask = if v + 1 < V { !0 } else { edge };
            // SAFETY: the mask keeps to the columns of the tile.
            unsafe {
                let at = c.add(r * stride + 16 * v);
                let sum = if add { _mm512_add_ps(_mm512_maskz_loadu_ps(mask, at), sum) } else { sum };
                _mm512_mask_storeu_ps(at, mask, sum);
            }
        }
    }
}

/// Sixteen pairs.
///
/// # Safety
/// So many can be read.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn load(pairs: *const i32) -> __m512i {
    // SAFETY: the caller's promise of 16 numbers.
    unsafe { _mm512_loadu_si512(pairs.cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn cast(pairs: __m512i) -> __m512bh {
    // SAFETY: both are 512 bits of any value.
    unsafe { std::mem::transmute(pairs) }
}
