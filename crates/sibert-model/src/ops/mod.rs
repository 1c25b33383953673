//! The differentiable operations of both models.
//!
//! candle's own fused layers stop gradients, and its element-wise CPU code uses one thread. So each operation lives in
//! a folder of its own: `mod.rs` states the equation and joins it to candle's graph or a [tape], `cpu.rs`
//! holds the kernel over slices, for f32 and f64, whose results do not depend on the number of threads. `NAME.cu` is its
//! twin for NVIDIA's GPUs, for activations of f32 and bf16 and parameters of f32, and `cuda.rs` launches it. `composed.rs`
//! says the same in ordinary candle operations: for other devices, for candle's graph, and as the oracle of the tests.
//! Supported are f32 and f64, by kernels for CUDA f32 and bf16.
//!
//! Numbers of tokens, rows and classes (u32) stay on the host whatever the device of the model: operations check them
//! there and send what their kernels need, and nobody waits for the device.
//!
//! What they share: `product`, matrix products; `simd`, loops for the processor at hand; `row_sums`, `lanes` and
//! `vector_math`, the pieces of element-wise loops; `epilogue`, what follows a product; `buffer`, fresh memory.

mod add_bias;
mod argmax;
mod attention;
pub(crate) mod buffer;
mod cross_entropy;
#[cfg(test)]
mod cuda_tests;
mod dropout;
mod elementwise;
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
mod rotary;
pub(crate) mod row_sums;
pub(crate) mod rows;
mod simd;
mod span_cross_entropy;
mod squared_error;
mod sum;
mod tanh;
#[cfg(test)]
mod test_support;
mod unit_heads;
mod vector_math;

pub use add_bias::add_bias;
pub use argmax::{argmax_rows, count_correct};
pub use attention::{Dropout, Weights, attention};
pub use cross_entropy::cross_entropy;
pub use dropout::{dropout, dropout_mask};
pub use embed::{embed, embed_without_positions};
pub use gelu::gelu;
pub use layer_norm::{layer_norm, normalize_affine};
pub use linear::{linear, linear_bias, linear_bias_relu};
pub use normalize::normalize;
pub use relu::relu;
pub use residual::{residual, residual_rows};
pub use rotary::rotary;
pub use rows::rows;
pub use span_cross_entropy::span_cross_entropy;
pub use squared_error::squared_error;
pub(crate) use sum::sum;
pub use tanh::tanh;
pub use unit_heads::unit_heads;

use candle_core::{CpuStorage, D, DType, Device, Layout, Result, Tensor, bail};

use crate::tape;

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

/// The modules of all kernels of CUDA C, to be compiled or read.
///
/// # Errors
/// Never, as long as attention's modules are those that it asks for.
pub fn modules() -> Result<Vec<cukernel::Module>> {
    let each = [
        cross_entropy::cuda::MODULE,
        dropout::cuda::MODULE,
        embed::cuda::MODULE,
        gelu::cuda::MODULE,
        layer_norm::cuda::MODULE,
        linear::cuda::MODULE,
        normalize::cuda::MODULE,
        relu::cuda::MODULE,
        residual::cuda::MODULE,
        rotary::cuda::MODULE,
        rows::cuda::MODULE,
        span_cross_entropy::cuda::MODULE,
        squared_error::cuda::MODULE,
        sum::cuda::MODULE,
        tanh::cuda::MODULE,
        unit_heads::cuda::MODULE,
    ];
    Ok(each.into_iter().chain(attention::cuda::modules()?).collect())
}

/// How an operation on `x` is computed.
enum Path {
    /// By the CPU's kernels.
    Cpu,
    /// By kernels of CUDA C, which know tapes but not candle's graph.
    Kernels,
    /// By candle's own operations.
    Composed,
}

/// Kernels of CUDA C are for tapes, and for what is forgotten at once, of f32 and bf16.
fn path(x: &Tensor) -> Path {
    match x.device() {
        _ if kernels(x) && !tape::joins_graph() => Path::Kernels,
        Device::Cpu => Path::Cpu,
        _ => Path::Composed,
    }
}

/// Whether kernels of CUDA C can compute with `x`.
fn kernels(x: &Tensor) -> bool {
    cukernel::runs_on(x.device()) && matches!(x.dtype(), DType::F32 | DType::BF16)
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
