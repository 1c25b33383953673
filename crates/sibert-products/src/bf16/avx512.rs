//! Vectors of AVX-512 that both ways of packing need.

use std::arch::x86_64::*;

use half::bf16;

/// Numbers that are packed.
pub trait Number: Copy + Default {
    /// The `P` parts of 32 numbers: the nearest bfloat16, then the nearest to what is left. Sixteen begin at each address, and are
    /// read as far as its mask goes; the others are zeros.
    ///
    /// # Safety
    /// The processor has AVX-512 F, BW, VL and BF16, and the numbers that the masks name are readable.
    unsafe fn parts<const P: usize>(from: [*const Self; 2], masks: [__mmask16; 2]) -> [__m512i; P];
}

impl Number for f32 {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    unsafe fn parts<const P: usize>(from: [*const f32; 2], masks: [__mmask16; 2]) -> [__m512i; P] {
        // SAFETY: the caller's promise.
        let (mut low, mut high) =
            unsafe { (_mm512_maskz_loadu_ps(masks[0], from[0]), _mm512_maskz_loadu_ps(masks[1], from[1])) };
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
}

impl Number for bf16 {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    unsafe fn parts<const P: usize>(from: [*const bf16; 2], masks: [__mmask16; 2]) -> [__m512i; P] {
        // SAFETY: the caller's promise.
        let [low, high] =
            [0, 1].map(|half| unsafe { _mm256_maskz_loadu_epi16(masks[half], from[half].cast()) });
        let mut parts = [_mm512_setzero_si512(); P];
        parts[0] = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high); // nothing is left for the second
        parts
    }
}

/// 16 numbers as f32.
#[inline]
#[target_feature(enable = "avx512f")]
pub fn wide(x: __m256i) -> __m512 {
    _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(x)))
}

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
