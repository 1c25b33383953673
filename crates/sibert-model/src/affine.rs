//! The ordinary layers with bias and eps: for the heads and the BERT baseline, never inside SIBERT's encoder.

use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};

use crate::ops;

/// `y = x Wᵀ + b`.
pub struct Dense {
    weight: Tensor, // (out, in)
    bias: Tensor,   // (out)
}

impl Dense {
    /// Takes the parameters `weight`, drawn with deviation `std`, and `bias`, zero.
    ///
    /// # Errors
    /// If a parameter is missing or has another shape.
    pub fn new(in_dim: usize, out_dim: usize, std: f64, vb: VarBuilder) -> Result<Self> {
        Ok(Self {
            weight: vb.get_with_hints((out_dim, in_dim), "weight", Init::Randn { mean: 0., stdev: std })?,
            bias: vb.get_with_hints(out_dim, "bias", Init::Const(0.))?,
        })
    }

    /// A map whose weight (out, in) belongs to another layer, with a bias (out) of its own.
    pub fn tied(weight: Tensor, bias: Tensor) -> Self {
        Self { weight, bias }
    }

    /// (…, in) to (…, out).
    ///
    /// # Errors
    /// If the last dimension is not `in`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::linear_bias(x, &self.weight, &self.bias)
    }
}

/// Layer normalisation with gain, bias and eps.
pub struct LayerNorm {
    weight: Tensor, // (hidden)
    bias: Tensor,   // (hidden)
    eps: f64,
}

impl LayerNorm {
    /// Takes the parameters `weight`, one, and `bias`, zero.
    ///
    /// # Errors
    /// If a parameter is missing or has another shape.
    pub fn new(hidden: usize, eps: f64, vb: VarBuilder) -> Result<Self> {
        Ok(Self {
            weight: vb.get_with_hints(hidden, "weight", Init::Const(1.))?,
            bias: vb.get_with_hints(hidden, "bias", Init::Const(0.))?,
            eps,
        })
    }

    /// (…, hidden) to the same shape.
    ///
    /// # Errors
    /// If the last dimension is not `hidden`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::layer_norm(x, &self.weight, &self.bias, self.eps)
    }
}
