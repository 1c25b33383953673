//! The differentiable operations of both models.
//!
//! candle's own fused layers stop gradients, and its element-wise CPU code uses one thread. So each operation lives in
//! a folder of its own: `mod.rs` states the equation and joins it to candle's graph or a [tape](crate::tape), `cpu.rs`
//! holds the kernel over slices, `composed.rs` says the same in ordinary candle operations, for devices that have no
//! kernel yet and as the oracle of the tests. Kernels exist for f32 and f64, and their results do not depend on the
//! number of threads.
//!
//! What they share: `product`, matrix products; `simd`, loops for the processor at hand; `row_sums`, `lanes` and
//! `vector_math`, the pieces of element-wise loops; `epilogue`, what follows a product; `buffer`, fresh memory.

mod add_bias;
mod argmax;
mod attention;
pub(crate) mod buffer;
mod cross_entropy;
mod dropout;
mod embed;
mod epilogue;
mod gelu;
mod lanes;
mod layer_norm;
mod linear;
mod normalize;
mod product;
mod real;
mod relu;
mod residual;
pub(crate) mod row_sums;
mod rows;
mod simd;
mod span_cross_entropy;
mod squared_error;
mod tanh;
#[cfg(test)]
mod test_support;
mod vector_math;

pub use add_bias::add_bias;
pub use argmax::argmax_rows;
pub use attention::{Dropout, Weights, attention};
pub use cross_entropy::cross_entropy;
pub use dropout::{dropout, dropout_mask};
pub use embed::embed;
pub use gelu::gelu;
pub use layer_norm::{layer_norm, normalize_affine};
pub use linear::{linear, linear_bias, linear_bias_relu};
pub use normalize::normalize;
pub use relu::relu;
pub use residual::{residual, residual_rows};
pub use rows::rows;
pub use span_cross_entropy::span_cross_entropy;
pub use squared_error::squared_error;
pub use tanh::tanh;

use candle_core::{CpuStorage, D, Layout, Result, Tensor, bail};

/// Evaluates `$body` with `$T` standing for the float type of `$storage`, and stores the vector it makes.
macro_rules! by_dtype {
    ($op:expr, $storage:expr, $T:ident => $body:expr) => {{
        use candle_core::{CpuStorage, DType, backend::BackendStorage, bail};
        match $storage.dtype() {
            DType::F32 => {
                type $T = f32;
                CpuStorage::F32($body)
            }
            DType::F64 => {
                type $T = f64;
                CpuStorage::F64($body)
            }
            dtype => bail!("{}: dtype {} is not f32 or f64", $op, dtype.as_str()),
        }
    }};
}
use by_dtype;

/// Evaluates `$body` with `$T` standing for the float type named by `$dtype`.
macro_rules! by_float {
    ($op:expr, $dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            candle_core::DType::F32 => {
                type $T = f32;
                $body
            }
            candle_core::DType::F64 => {
                type $T = f64;
                $body
            }
            dtype => candle_core::bail!("{}: dtype {} is not f32 or f64", $op, dtype.as_str()),
        }
    };
}
pub(crate) use by_float;

/// `x + y`, of equal shapes, outside any graph.
pub(crate) fn sum(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    if !x.device().is_cpu() {
        return x + y;
    }
    let (x, y) = (x.contiguous()?, y.contiguous()?);
    by_float!("sum", x.dtype(), T => {
        let (xs, ys) = (buffer::Values::of(&x), buffer::Values::of(&y));
        let sum = row_sums::map2(
            xs.slice::<T>()?,
            ys.slice::<T>()?,
            #[inline(always)]
            |x, y| x + y,
        );
        buffer::tensor(sum, x.shape())
    })
}

/// Whether this processor multiplies bfloat16 numbers itself.
pub(crate) fn bf16_is_native() -> bool {
    product::bf16::supported()
}

/// The elements of a contiguous tensor.
fn slice<'a, T: candle_core::WithDType>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [T]> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        bail!("expected a contiguous tensor, found strides {:?} for {:?}", layout.stride(), layout.dims())
    };
    Ok(&T::cpu_storage_as_slice(storage)?[start..end])
}

/// The last dimension of a tensor's layout.
fn width(layout: &Layout) -> usize {
    layout.dims().last().copied().unwrap_or(1)
}

/// Refuses a parameter that is not one vector along the last dimension of `x`.
fn check_vector(op: &str, x: &Tensor, name: &str, vector: &Tensor) -> Result<()> {
    if vector.dims() != [x.dim(D::Minus1)?] {
        bail!("{op}: {name} of shape {:?} does not fit input of shape {:?}", vector.dims(), x.dims())
    }
    Ok(())
}
