//! The operations of the optimizers: one folder per operation, `mod.rs` the glue, `cpu.rs` the loops.
//!
//! On the CPU an operation works in place on slices, in parallel over chunks of [`CHUNK`] elements. A chunk's sum is
//! taken in f64 in a fixed order and the chunks' sums are added in order: results do not depend on the number of
//! threads, nor on the width of the processor's vectors, for which each loop is compiled several times.
//!
//! On CUDA, `cuda.rs` launches the kernel of the `.cu` file beside it for all variables of a [`group`](group::Group), all
//! of f32; sums are taken in f64 over the same chunks. On other devices, and for f64, the same formula is composed of
//! ordinary tensor operations.
//!
//! On the CPU, elements are widened to f64 where they are added to others or multiplied by `1 − ηλ`, and rounded once: in f32 that
//! factor alone would be off by up to 3e-8, a systematic error of several per cent of a decay of 1e-6. The kernels stay in
//! f32, which many GPUs compute 64 times as fast, and subtract `ηλ·x + η·g` instead: nothing systematic is lost.

pub(crate) mod adam;
pub(crate) mod blocks;
pub(crate) mod dots;
pub(crate) mod group;
pub(crate) mod heavy_ball;
pub(crate) mod nesterov;
pub(crate) mod orthogonal;
mod real;
pub(crate) mod row_directions;
mod rows;
pub(crate) mod scaled_add;
mod slices;
pub(crate) mod verdict;

use candle_core::{DType, Device, Result, Tensor};
use rayon::prelude::*;
use real::{Real, by_real};
use rows::Rows;
pub(crate) use slices::share_storage;
use std::ops::Range;

/// Elements that one task works on: 64 KiB of f32, small enough for the second-level cache with its neighbours.
const CHUNK: usize = 1 << 14;

/// Independent partial sums in a chunk, so that the additions of a row do not wait for each other; divides [`CHUNK`].
///
/// So many that the compiler keeps a loop over them and vectorises it: one over 8 or 16 it unrolls first, and then finds
/// no vectors, which takes five times as long.
const LANES: usize = 64;

/// Evaluates an expression in the version compiled for this processor: AVX-512, AVX2 with FMA, or the target's baseline.
///
/// The functions that it calls must be `#[inline(always)]` to be compiled with it. So must the closure here, which is so only if it
/// can be called but once: hence the operands to move into it and out again. Products and sums are never fused into one
/// rounding, so all versions give the same bits.
macro_rules! vectorize {
    ([$($moved:ident),*] $body:expr) => {{
        let moved = $crate::ops::Once(($($moved,)*));
        cukernel::simd::arch().dispatch(
            #[inline(always)]
            move || {
                let ($($moved,)*) = moved.take();
                $body
            },
        )
    }};
}
use vectorize;

/// A value that a closure can give away only once.
struct Once<T>(T);

impl<T> Once<T> {
    #[inline(always)]
    fn take(self) -> T {
        self.0
    }
}

/// Sums that `chunk` gives for consecutive ranges of at most [`CHUNK`] of `len` elements, added in order.
fn sum_chunks<const N: usize>(len: usize, chunk: impl Fn(Range<usize>) -> [f64; N] + Sync) -> [f64; N] {
    if len <= CHUNK {
        return vectorize!([chunk] chunk(0..len));
    }
    let range = |i: usize| i * CHUNK..len.min((i + 1) * CHUNK);
    let sums = |i: usize| {
        let (chunk, range) = (&chunk, range(i));
        vectorize!([chunk, range] chunk(range))
    };
    in_order((0..len.div_ceil(CHUNK)).into_par_iter().map(sums).collect())
}

/// The chunks' sums, added in order.
fn in_order<const N: usize>(partials: Vec<[f64; N]>) -> [f64; N] {
    partials.iter().fold([0.; N], |mut sums, partial| {
        sums.iter_mut().zip(partial).for_each(|(sum, part)| *sum += part);
        sums
    })
}

/// `rest`, fewer than [`LANES`] elements, with zeros behind it.
#[inline(always)]
fn padded<T: Real>(rest: &[T]) -> [T; LANES] {
    let mut row = [T::default(); LANES];
    row[..rest.len()].copy_from_slice(rest);
    row
}

/// Folds lanes of partial sums, `lanes[sum][lane]`, in order.
#[inline(always)]
fn fold_lanes<const N: usize>(lanes: [[f64; LANES]; N]) -> [f64; N] {
    lanes.map(|lanes| lanes.iter().sum())
}

/// The type in which sums are taken off the CPU: Metal has no f64.
fn wide_dtype(device: &Device) -> DType {
    if device.is_metal() { DType::F32 } else { DType::F64 }
}

/// A scalar tensor's value.
fn scalar(tensor: &Tensor) -> Result<f64> {
    tensor.to_dtype(DType::F64)?.to_scalar()
}

#[cfg(test)]
pub(crate) mod testing {
    //! Inputs for comparing an operation's CPU loops with its composed form.

    use candle_core::{DType, Device, Result, Tensor};

    /// Values in (-1, 1) from a multiplicative hash: the same on every machine.
    pub fn noise(len: usize, seed: u64, dtype: DType) -> Result<Tensor> {
        let value = |i: u64| {
            let hash = (i + 1)
                .wrapping_mul(0x9E37_79B9_7F4A_7C15)
                .wrapping_add(seed.wrapping_mul(0xD129_0E26_9A5C_3B47));
            let mixed = (hash ^ (hash >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            (mixed >> 11) as f64 / (1u64 << 52) as f64 - 1.
        };
        Tensor::from_vec((0..len as u64).map(value).collect::<Vec<_>>(), len, &Device::Cpu)?.to_dtype(dtype)
    }

    /// The largest difference of two tensors.
    pub fn distance(a: &Tensor, b: &Tensor) -> Result<f64> {
        let (a, b) = (a.to_dtype(DType::F64)?, b.to_dtype(DType::F64)?);
        (a - b)?.abs()?.flatten_all()?.max(0)?.to_scalar()
    }
}
