//! The differentiable operations of both models.
//!
//! candle's own fused layers stop gradients, and its element-wise CPU code uses one thread. So each operation lives in
//! a folder of its own: `mod.rs` states the equation, checks the shapes and calls `op`, the one way through all of them.
//! `cpu.rs` has the kernels over slices, for f32 and f64, whose results do not depend on the number of threads; `NAME.cu`
//! is their twin for NVIDIA's GPUs, for activations of f32 and bf16 and parameters of f32, and `cuda.rs` launches it.
//! Both give the backward pass with the result. `composed.rs` says the same in ordinary candle operations.
//!
//! On a [tape](crate::tape) and under [`no_grad`](crate::no_grad) the kernels run. Anywhere else, and on other devices,
//! the composed form joins candle's graph, so that `loss.backward()` works; it is slower, and the oracle of the tests.
//! Supported are f32 and f64; on GPUs f32 and bf16.
//!
//! Numbers of tokens, rows and classes (u32) stay on the host whatever the device of the model: operations check them
//! there and send what their kernels need, and nobody waits for the device.

mod argmax;
mod attention;
mod binary_cross_entropy;
mod cross_entropy;
#[cfg(test)]
mod cuda_tests;
mod dropout;
mod elementwise;
mod embed;
mod feed_forward;
mod layer_norm;
mod linear;
mod normalize;
mod op;
mod residual;
mod rotary;
mod rows;
mod span_cross_entropy;
mod squared_error;
#[cfg(test)]
mod test_support;
mod unit_heads;

pub use argmax::{argmax_rows, count_correct};
pub use attention::{Dropout, Weights, attention};
pub use binary_cross_entropy::binary_cross_entropy;
pub use cross_entropy::cross_entropy;
pub use dropout::{dropout, dropout_mask};
pub use elementwise::{gelu, tanh};
pub use embed::{embed, embed_without_positions};
pub use feed_forward::feed_forward;
pub use layer_norm::{layer_norm, normalize_affine};
pub use linear::{linear, linear_bias, linear_bias_relu};
pub use normalize::normalize;
pub use residual::{residual, residual_rows};
pub use rotary::rotary;
pub use rows::rows;
pub use span_cross_entropy::span_cross_entropy;
pub use squared_error::squared_error;
pub use unit_heads::{unit_heads, unit_heads_rotary};

use candle_core::Result;

use crate::compute::{groups, sum};
use op::op;

/// The modules of all kernels of CUDA C, to be compiled or read.
///
/// # Errors
/// Never, as long as attention's modules are those that it asks for.
pub fn modules() -> Result<Vec<cukernel::Module>> {
    let each = [
        binary_cross_entropy::cuda::MODULE,
        cross_entropy::cuda::MODULE,
        dropout::cuda::MODULE,
        elementwise::cuda::MODULE,
        embed::cuda::MODULE,
        groups::MODULE,
        layer_norm::cuda::MODULE,
        linear::cuda::MODULE,
        normalize::cuda::MODULE,
        residual::cuda::MODULE,
        rotary::cuda::MODULE,
        rows::cuda::MODULE,
        span_cross_entropy::cuda::MODULE,
        squared_error::cuda::MODULE,
        sum::cuda::MODULE,
        unit_heads::cuda::MODULE,
    ];
    Ok(each.into_iter().chain(attention::cuda::modules()?).collect())
}
