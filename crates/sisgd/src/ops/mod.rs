//! What the optimizers do to tensors: one folder per operation, `mod.rs` the glue, `cpu.rs` the loops.
//!
//! On the CPU an operation works in place on slices, in parallel over chunks of [`CHUNK`] elements. A chunk's sum is
//! taken in f64 in a fixed order and the chunks' sums are added in order: results do not depend on the number of
//! threads. On other devices the same formula is composed of ordinary tensor operations.
//!
//! Elements are widened to f64 where they are added to others or multiplied by `1 − ηλ`, and rounded once: in f32 that
//! factor alone would be off by up to 3e-8, a systematic error of several per cent of a decay of 1e-6.

pub(crate) mod adam;
pub(crate) mod dots;
pub(crate) mod moments;
pub(crate) mod scaled_add;

use candle_core::{DType, Device, Layout, Result, Tensor, bail};
use rayon::prelude::*;
use std::ops::{Add, Div, Mul, Range};

/// Elements that one task works on: 64 KiB of f32, small enough for the second-level cache with its neighbours.
const CHUNK: usize = 1 << 14;

/// Independent partial sums in a chunk, so that the additions of a row do not wait for each other.
const LANES: usize = 8;

/// The element types of parameters.
pub(crate) trait Real:
    Copy + Default + Send + Sync + Add<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// The value, exactly.
    fn widen(self) -> f64;
    /// The nearest value.
    fn narrow(value: f64) -> Self;
    /// The square root.
    fn sqrt(self) -> Self;
}

impl Real for f32 {
    #[inline(always)]
    fn widen(self) -> f64 {
        self as f64
    }
    #[inline(always)]
    fn narrow(value: f64) -> Self {
        value as f32
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        self.sqrt()
    }
}

impl Real for f64 {
    #[inline(always)]
    fn widen(self) -> f64 {
        self
    }
    #[inline(always)]
    fn narrow(value: f64) -> Self {
        value
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        self.sqrt()
    }
}

/// Sums that `chunk` gives for consecutive ranges of at most [`CHUNK`] of `len` elements, added in order.
fn sum_chunks<const N: usize>(len: usize, chunk: impl Fn(Range<usize>) -> [f64; N] + Sync) -> [f64; N] {
    if len <= CHUNK {
        return chunk(0..len);
    }
    let range = |i: usize| i * CHUNK..len.min((i + 1) * CHUNK);
    let partials: Vec<_> = (0..len.div_ceil(CHUNK)).into_par_iter().map(|i| chunk(range(i))).collect();
    partials.iter().fold([0.; N], |mut sums, partial| {
        sums.iter_mut().zip(partial).for_each(|(sum, part)| *sum += part);
        sums
    })
}

/// `rest`, fewer than [`LANES`] elements, with zeros behind it.
fn padded<T: Real>(rest: &[T]) -> [T; LANES] {
    let mut row = [T::default(); LANES];
    row[..rest.len()].copy_from_slice(rest);
    row
}

/// Folds lanes of partial sums, `lanes[sum][lane]`, in order.
fn fold_lanes<const N: usize>(lanes: [[f64; LANES]; N]) -> [f64; N] {
    lanes.map(|lanes| lanes.iter().sum())
}

/// The elements of a contiguous layout.
fn elements(layout: &Layout, op: &str) -> Result<Range<usize>> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(start..end),
        None => bail!(
            "{op}: expected a contiguous tensor, found shape {:?}, strides {:?}",
            layout.dims(),
            layout.stride()
        ),
    }
}

/// Refuses operands of different or unsupported types.
fn unsupported(op: &str, dtypes: &[DType]) -> Result<()> {
    let dtypes: Vec<_> = dtypes.iter().map(|dtype| dtype.as_str()).collect();
    bail!("{op}: expected operands that are all f32 or all f64, found {}", dtypes.join(", "))
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
