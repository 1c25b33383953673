//! Products of f32 matrices whose operands are rounded to bfloat16; the sums are f32.
//!
//! ```text
//! c[i, j] = Σ_p round(a[i, p]) · round(b[p, j])
//! ```
//! With AVX512-BF16 one instruction multiplies and adds 32 pairs, which doubles the rate of f32. The operands are
//! rounded while they are packed for the kernel ([`pack`]), the kernel makes a tile of the result in registers
//! ([`tile`]), and [`blocks`] walks the matrices in blocks that fit the caches. Elsewhere [`emulated`] computes the
//! same, up to the order of the sums and to subnormal numbers, which the instructions take for zero.

#[cfg(target_arch = "x86_64")]
mod blocks;
mod emulated;
#[cfg(target_arch = "x86_64")]
mod pack;
#[cfg(target_arch = "x86_64")]
mod tile;

use std::sync::OnceLock;

use cukernel::simd;

use super::Matrix;
use crate::precision::Precision;

/// Whether this processor multiplies bfloat16 numbers (AVX512-BF16), and nothing asks for the portable path.
pub fn supported() -> bool {
    static SUPPORTED: OnceLock<bool> = OnceLock::new();
    *SUPPORTED.get_or_init(|| !simd::is_portable() && detected())
}

impl Precision {
    /// Whether this processor has instructions for it.
    pub fn is_native(self) -> bool {
        match self {
            Precision::F32 => true,
            Precision::Bf16 => supported(),
        }
    }
}

fn detected() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bf16")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}

/// `c = a·b` or `c += a·b` with operands rounded to bfloat16, on one thread.
///
/// Every element is summed in an order that depends on `k` alone.
///
/// # Safety
/// `a` holds (m, k) elements, `b` (k, n), and `c` (m, n) with rows `stride` apart, for this thread alone.
pub unsafe fn product(
    dims: (usize, usize, usize),
    a: Matrix<f32>,
    b: Matrix<f32>,
    c: *mut f32,
    stride: usize,
    accumulate: bool,
) {
    #[cfg(target_arch = "x86_64")]
    if supported() {
        // SAFETY: the caller's promise, and the processor has the instructions.
        return unsafe { blocks::product(dims, a, b, c, stride, accumulate) };
    }
    // SAFETY: the caller's promise.
    unsafe { emulated::product(dims, a, b, c, stride, accumulate) }
}

#[cfg(test)]
mod tests;
