use candle_core::{Result, Tensor};

/// `x + b` by broadcasting.
pub fn add_bias(x: &Tensor, bias: &Tensor) -> Result<Tensor> {
    x.broadcast_add(bias)
}
