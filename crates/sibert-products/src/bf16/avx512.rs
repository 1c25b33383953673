//! Vectors of AVX-512 that both ways of packing need.

use std::arch::x86_64::*;

/// The lowest `count` of 16 lanes.
pub fn mask(count: usize) -> __mmask16 {
    if count >= 16 { !0 } else { (1 << count) - 1 }
}

/// 0, 16, 1, 17, ...: pairs from two vectors of 16.
#[inline]
#[target_feature(enable = "avx512f")]
pub fn interleaving() -> __m512i {
    let index: [i16; 32] = std::array::from_fn(|i| (i / 2 + i % 2 * 16) as i16);
    // SAFETY: 32 numbers of 16 bits.
    unsafe { _mm512_loadu_si512(index.as_ptr().cast()) }
}

/// Columns become rows.
#[inline]
#[target_feature(enable = "avx512f")]
pub fn transpose(x: [__m512i; 16]) -> [__m512i; 16] {
    // Within each 128 bits: 4 x 4 squares of rows 4g .. 4g + 4; y[4g + i] holds columns i, 4 + i, 8 + i, 12 + i.
    let mut y = x;
    for g in 0..4 {
        let [a, b, c, d] = [x[4 * g], x[4 * g + 1], x[4 * g + 2], x[4 * g + 3]];
        let (ab, cd) = (_mm512_unpacklo_epi32(a, b), _mm512_unpacklo_epi32(c, d));
        (y[4 * g], y[4 * g + 1]) = (_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
        let (ab, cd) = (_mm512_unpackhi_epi32(a, b), _mm512_unpackhi_epi32(c, d));
        (y[4 * g + 2], y[4 * g + 3]) = (_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    }
    // The 4 x 4 squares themselves: lane l of y[4g + i] goes to lane g of row 4l + i.
    let mut z = y;
    for i in 0..4 {
        let (a, b) = (y[i], y[4 + i]);
        let (c, d) = (y[8 + i], y[12 + i]);
        let (ab, cd) = (_mm512_shuffle_i32x4::<0x44>(a, b), _mm512_shuffle_i32x4::<0x44>(c, d));
        z[i] = _mm512_shuffle_i32x4::<0x88>(ab, cd);
        z[4 + i] = _mm512_shuffle_i32x4::<0xdd>(ab, cd);
        let (ab, cd) = (_mm512_shuffle_i32x4::<0xee>(a, b), _mm512_shuffle_i32x4::<0xee>(c, d));
        z[8 + i] = _mm512_shuffle_i32x4::<0x88>(ab, cd);
        z[12 + i] = _mm512_shuffle_i32x4::<0xdd>(ab, cd);
    }
    z
}
