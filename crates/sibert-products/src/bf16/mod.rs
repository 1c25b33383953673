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
pub(super) mod round;
pub mod rounded;
pub mod route;
#[cfg(target_arch = "x86_64")]
mod vectors;

use super::{Matrix, Place, lines, place};
pub use route::Route;

/// `c = a·b` or `c += a·b`, finished, with operands of `P` bfloat16 parts, on one thread.
///
/// Every element is summed in an order that depends on `k` alone.
///
/// # Safety
/// As [`Multiply::product`](super::Multiply::product).
pub unsafe fn product<const P: usize>(k: usize, a: Matrix<f32>, b: Matrix<f32>, place: Place) {
    let Place { c, stride, rows, columns, add, .. } = place;
    let dims = (rows, columns, k);
    // SAFETY: the caller's promise, and the processor has the instructions of its way.
    unsafe {
        match Route::current() {
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Route::Tiles => amx::product::<P, _>(&amx::Tiles::configured(), dims, a, b, c, stride, add),
            #[cfg(target_arch = "x86_64")]
            Route::Vectors if P == 1 => vectors::product(dims, a, b, c, stride, add),
            #[cfg(target_arch = "x86_64")]
            Route::Vectors => {
                rounded::thrice(dims, a, b, |a, b, more| vectors::product(dims, a, b, c, stride, add || more))
            }
            Route::Rounded => return rounded::product::<P>(k, a, b, place),
            _ => amx::product::<P, _>(&amx::Emulated, dims, a, b, c, stride, add),
        }
        place.finish();
    }
}

#[cfg(test)]
pub(super) mod tests;
