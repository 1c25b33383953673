//! Numbers as bfloat16.

use cukernel::simd::vectorize;
use half::bf16;

/// Makes a NaN a quiet one.
pub const QUIET: u32 = 0x0040_0000;

/// The nearest bfloat16, ties to even, as f32. Infinity stays, a NaN stays a (quiet) NaN.
#[inline(always)]
pub fn round(x: f32) -> f32 {
    let bits = x.to_bits();
    let nearest = bits.wrapping_add(0x7fff + (bits >> 16 & 1));
    let bits = if x.is_nan() { bits | QUIET } else { nearest };
    f32::from_bits(bits & 0xffff_0000)
}

/// The number, or a zero of its sign if it is subnormal: so the instructions for bfloat16 read and write.
#[inline(always)]
pub fn flush(x: f32) -> f32 {
    if x.abs() < f32::MIN_POSITIVE { f32::from_bits(x.to_bits() & 0x8000_0000) } else { x }
}

/// `P` bfloat16 numbers, as f32, whose sum is nearly `x`: each the nearest to what those before it have left.
#[inline(always)]
pub fn parts<const P: usize>(x: f32) -> [f32; P] {
    let mut rest = x;
    let mut parts = [0.; P];
    for part in &mut parts {
        *part = round(flush(rest));
        rest -= *part;
    }
    parts
}

/// The bits of a bfloat16.
#[inline(always)]
pub fn narrow(x: f32) -> u16 {
    (x.to_bits() >> 16) as u16
}

/// The same number as f32.
#[inline(always)]
pub fn wide(x: bf16) -> f32 {
    f32::from_bits(u32::from(x.to_bits()) << 16)
}

/// Rounds a row as the kernels for bfloat16 do, for which subnormal numbers are zero.
///
/// # Safety
/// As many numbers can be written from `to` on.
pub unsafe fn round_row(row: &[f32], to: *mut bf16) {
    vectorize(
        #[inline(always)]
        || {
            for (i, &x) in row.iter().enumerate() {
                // SAFETY: the caller's promise.
                unsafe { to.wrapping_add(i).write(bf16::from_bits(narrow(round(flush(x))))) };
            }
        },
    );
}
