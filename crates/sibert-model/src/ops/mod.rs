//! The differentiable operations of both models.
//!
//! candle's own fused layers stop gradients, and its element-wise CPU code uses one thread. So each operation lives in
//! a folder of its own: `mod.rs` states the equation and joins it to candle's graph, `cpu.rs` holds the kernel over
//! slices, `composed.rs` says the same in ordinary candle operations, for devices that have no kernel yet and as the
//! oracle of the tests. Kernels exist for f32 and f64, and their results do not depend on the number of threads.

mod add_bias;
mod batch_matmul;
mod cross_entropy;
mod dropout;
mod gelu;
mod layer_norm;
mod linear;
mod normalize;
mod relu;
mod relu_normalize;
mod rows;
mod softmax;

pub use add_bias::add_bias;
pub use batch_matmul::batch_matmul;
pub use cross_entropy::cross_entropy;
pub use dropout::{dropout, dropout_mask};
pub use gelu::gelu;
pub use layer_norm::layer_norm;
pub use linear::linear;
pub use normalize::normalize;
pub use relu::relu;
pub use relu_normalize::relu_normalize;
pub use rows::rows;
pub use softmax::softmax;

use candle_core::{Result, Tensor, bail};

/// `keep` of shape (batch, k), shaped to broadcast over `scores` of shape (batch, …, k), in its dtype.
fn keep_like(scores: &Tensor, keep: &Tensor) -> Result<Tensor> {
    let (batch, k) = keep.dims2()?;
    let mut shape = vec![1; scores.rank()];
    match scores.dims() {
        [first, .., last] if (*first, *last) == (batch, k) => (),
        dims => bail!("keep of shape {:?} does not fit scores of shape {dims:?}", keep.dims()),
    }
    (shape[0], shape[scores.rank() - 1]) = (batch, k);
    keep.to_dtype(scores.dtype())?.reshape(shape)
}
