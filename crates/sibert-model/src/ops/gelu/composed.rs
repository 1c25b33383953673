use candle_core::{Result, Tensor};

/// `x Φ(x)` by candle's own.
pub fn gelu(x: &Tensor) -> Result<Tensor> {
    x.gelu_erf()
}
