//! The arithmetic that operations and gradients are made of; it knows neither of them.
//!
//! | part | what |
//! |---|---|
//! | [`buffer`] | fresh memory, the slices of tensors |
//! | [`real`] | f32 and f64 |
//! | [`row_sums`], [`lanes`], [`vector_math`] | loops over rows, sums along them, functions of an element |
//! | [`vectors`] | what a kernel needs that says itself what a vector is |
//! | [`sum`] | sums of two tensors, of columns, of all elements |
//! | [`groups`] | sums of the rows that share an id |
//!
//! Matrix products are those of [`sibert_products`]. Results do not depend on the number of threads. Kernels of CUDA C do the
//! same on a GPU.

pub(crate) mod buffer;
pub(crate) mod groups;
pub(crate) mod lanes;
pub(crate) mod real;
pub(crate) mod row_sums;
pub(crate) mod sum;
pub(crate) mod vector_math;
pub(crate) mod vectors;

use candle_core::{DType, Tensor};

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

/// Whether kernels of CUDA C can compute with `x`.
pub(crate) fn kernels(x: &Tensor) -> bool {
    cukernel::runs_on(x.device()) && matches!(x.dtype(), DType::F32 | DType::BF16)
}
