//! One tile of the result, in registers.

use std::arch::x86_64::*;

use half::bf16;

use super::super::avx512::{mask, wide};
use crate::{Finish, Place};

/// Rows of a tile: 12 x 2 accumulators of 16 numbers leave 8 registers for the operands.
pub const ROWS: usize = 12;

/// Columns of a tile.
pub const COLUMNS: usize = 32;

/// `c = a·b` or `c += a·b`, finished, for up to [`ROWS`] x [`COLUMNS`] elements.
///
/// # Safety
/// The processor has AVX-512 F, BW, VL and BF16; `a` and `b` are packed panels of `pairs` x ROWS and `pairs` x COLUMNS pairs;
/// `place` is inside the result.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
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
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn sized<const R: usize, const V: usize>(pairs: usize, a: *const i32, b: *const i32, place: Place) {
    place.ask::<R>();
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
    // SAFETY: the caller's promise of the place.
    unsafe {
        match place.rounded {
            None => finish(place, sums, |at, mask, x| _mm512_mask_storeu_ps(place.c.add(at), mask, x)),
            Some(to) => finish(place, sums, |at, mask, x| store_rounded(to.add(at), mask, x)),
        }
    }
}

/// Gives `store` what the place makes of the sums.
///
/// # Safety
/// The place is inside the result and has so many rows and vectors.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn finish<const R: usize, const V: usize>(
    place: Place,
    sums: [[__m512; V]; R],
    store: impl Fn(usize, __mmask16, __m512),
) {
    // SAFETY: the caller's promise.
    unsafe {
        match place.finish {
            Finish::Nothing => each(place, sums, store, |_, _, x| x),
            Finish::Bias(bias) => each(place, sums, store, |_, v, x| _mm512_add_ps(x, vector(bias, v))),
            Finish::BiasRelu(bias) => each(place, sums, store, |_, v, x| {
                // of a zero and a NaN, or of two zeros, the second
                _mm512_max_ps(_mm512_setzero_ps(), _mm512_add_ps(x, vector(bias, v)))
            }),
            Finish::Plus(y) => {
                each(place, sums, store, |r, v, x| _mm512_add_ps(vector(&y.data[r * y.row..], v), x))
            }
            Finish::Where(y) => {
                each(place, sums, store, |r, v, x| positive(wide_vector(&y.data[r * y.row..], v), x))
            }
        }
    }
}

/// Gives `store` what `finish` makes of the sums in row r and vector v, or of their total with what is there: where in the result,
/// which of the sixteen, and what.
///
/// # Safety
/// As [`finish`].
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn each<const R: usize, const V: usize>(
    Place { c, stride, columns, add, .. }: Place,
    sums: [[__m512; V]; R],
    store: impl Fn(usize, __mmask16, __m512),
    finish: impl Fn(usize, usize, __m512) -> __m512,
) {
    let edge = mask(columns - 16 * (V - 1));
    for (r, row) in sums.into_iter().enumerate() {
        for (v, sum) in row.into_iter().enumerate() {
            let (at, mask) = (r * stride + 16 * v, if v + 1 < V { !0 } else { edge });
            // SAFETY: the mask keeps to the columns of the tile.
            let old = || unsafe { _mm512_maskz_loadu_ps(mask, c.add(at)) };
            store(at, mask, finish(r, v, if add { _mm512_add_ps(old(), sum) } else { sum }));
        }
    }
}

/// Stores the numbers of the mask in bfloat16.
///
/// # Safety
/// They can be written.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn store_rounded(to: *mut bf16, mask: __mmask16, x: __m512) {
    // SAFETY: the caller's promise; both are 256 bits of any value.
    unsafe {
        let x = std::mem::transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(x));
        // AMD's processors take long for a masked store of 16-bit numbers.
        if mask == !0 {
            _mm256_storeu_si256(to.cast(), x);
        } else {
            _mm256_mask_storeu_epi16(to.cast(), mask, x);
        }
    }
}

/// The numbers of x where those of y are positive, and zeros elsewhere.
#[inline]
#[target_feature(enable = "avx512f")]
fn positive(y: __m512, x: __m512) -> __m512 {
    _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(y, _mm512_setzero_ps()), x)
}

/// Vector `v` of a slice, as f32, with zeros behind its end.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn wide_vector(x: &[bf16], v: usize) -> __m512 {
    let x = &x[16 * v..];
    // SAFETY: so many numbers.
    wide(unsafe { _mm256_maskz_loadu_epi16(mask(x.len()), x.as_ptr().cast()) })
}

/// Vector `v` of a slice, with zeros behind its end.
#[inline]
#[target_feature(enable = "avx512f")]
fn vector(x: &[f32], v: usize) -> __m512 {
    let x = &x[16 * v..];
    // SAFETY: so many numbers.
    unsafe { _mm512_maskz_loadu_ps(mask(x.len()), x.as_ptr()) }
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
