use candle_core::{Result, Tensor};

/// `A B` by candle's batched product, which wants one stride over the whole batch.
pub fn batch_matmul(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    a.contiguous()?.matmul(&b.contiguous()?)
}
