//! Products of f32 matrices whose operands are rounded to bfloat16, or to the sum of two such numbers; the sums are f32.
//!
//! ```text
//! one part    c[i, j] = Σ_p round(a[i, p]) · round(b[p, j])
//! two parts   a ≈ h + l, and c = l·h + h·h + h·l
//! ```
//! | way | where |
//! |---|---|
//! | [`amx`] | tiles of AMX: the fastest by far; emulated to the bit anywhere, for tests and to continue a run |
//! | [`vectors`] | AVX512-BF16 at its full rate: twice that of f32 |
//! | [`rounded`] | anywhere: operands rounded to bfloat16, multiplied in f32 |
//!
//! [`route`] chooses, once per process. The first two take subnormal numbers for zero.

mod amx;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod operand;
pub(super) mod round;
pub mod rounded;
pub mod route;
mod together;
#[cfg(target_arch = "x86_64")]
mod vectors;

use super::{Matrix, Numbers, Place, Precision};
pub use route::Route;

/// Whether a product in this precision is one for all threads, who then pack an operand together.
pub fn shares(precision: Precision) -> bool {
    match Route::current() {
        Route::Tiles | Route::EmulatedTiles => precision != Precision::F32,
        Route::Vectors => precision == Precision::Bf16,
        Route::Rounded => false,
    }
}

/// `c = a·b` or `c += a·b`, finished, with operands of `P` bfloat16 parts, by so many threads: one, or more where the product
/// [`shares`].
///
/// Every element is summed in an order that depends on `k` alone.
///
/// # Safety
/// As [`Multiply::product`](super::Multiply::product).
pub unsafe fn product<const P: usize>(
    threads: usize,
    k: usize,
    a: Numbers<f32>,
    b: Numbers<f32>,
    place: Place,
) {
    // SAFETY: the caller's promise, and the processor has the instructions of its way.
    unsafe {
        match Route::current() {
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Route::Tiles => amx::product::<P, _>(threads, || amx::Tiles::configured(), k, a, b, place),
            #[cfg(target_arch = "x86_64")]
            Route::Vectors => vectors::product::<P>(threads, k, a, b, place),
            Route::Rounded => rounded::product::<P>(k, a.exact(), b.exact(), place),
            _ => amx::product::<P, _>(threads, || amx::Emulated, k, a, b, place),
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
