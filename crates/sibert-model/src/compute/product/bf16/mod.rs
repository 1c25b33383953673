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
mod lines;
mod place;
mod round;
pub mod rounded;
pub mod route;
#[cfg(target_arch = "x86_64")]
mod vectors;

use super::Matrix;
pub use route::Route;

/// `c = a·b` or `c += a·b` for a (m, k), b (k, n) and c (m, n) with rows `stride` apart, on one thread.
pub type Product = unsafe fn((usize, usize, usize), Matrix<f32>, Matrix<f32>, *mut f32, usize, bool);

/// `c = a·b` or `c += a·b` with operands of `P` bfloat16 parts, on one thread.
///
/// Every element is summed in an order that depends on `k` alone.
///
/// # Safety
/// `a` holds (m, k) elements, `b` (k, n), and `c` (m, n) with rows `stride` apart, for this thread alone.
pub unsafe fn product<const P: usize>(
    dims: (usize, usize, usize),
    a: Matrix<f32>,
    b: Matrix<f32>,
    c: *mut f32,
    stride: usize,
    accumulate: bool,
) {
    let by_copies = |one: Product| match P {
        // SAFETY: the caller's promise, and the processor has the instructions of its way.
        1 => unsafe { one(dims, a, b, c, stride, accumulate) },
        // SAFETY: the same.
        _ => unsafe { rounded::thrice(one, dims, a, b, c, stride, accumulate) },
    };
    match Route::current() {
        // SAFETY: the caller's promise, and the processor has tiles.
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        Route::Tiles => unsafe {
            amx::product::<P, _>(&amx::Tiles::configured(), dims, a, b, c, stride, accumulate)
        },
        #[cfg(target_arch = "x86_64")]
        Route::Vectors => by_copies(vectors::product),
        Route::Rounded => by_copies(rounded::product),
        // SAFETY: the caller's promise.
        _ => unsafe { amx::product::<P, _>(&amx::Emulated, dims, a, b, c, stride, accumulate) },
    }
}

#[cfg(test)]
mod tests;
