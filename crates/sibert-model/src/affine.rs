//! The ordinary layers with bias and eps: for the heads and the BERT baseline, never inside SIBERT's encoder.

use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};

use crate::blocks::Group;
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
        Self::with_bias_in(in_dim, out_dim, std, vb.clone(), vb)
    }

    /// As `new`, with the bias in another place.
    ///
    /// # Errors
    /// As `new`.
    pub fn with_bias_in(
        in_dim: usize,
        out_dim: usize,
        std: f64,
        vb: VarBuilder,
        bias: VarBuilder,
    ) -> Result<Self> {
        Ok(Self {
            weight: vb.get_with_hints((out_dim, in_dim), "weight", Init::Randn { mean: 0., stdev: std })?,
            bias: bias.get_with_hints(out_dim, "bias", Init::Const(0.))?,
        })
    }

    /// (…, in) to (…, out).
    ///
    /// # Errors
    /// If the last dimension is not `in`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::linear_bias(x, &self.weight, &self.bias)
    }

    /// The weight with its bias.
    pub(crate) fn blocks(&self) -> Vec<Group> {
        vec![Group::matrix([self.weight.id(), self.bias.id()])]
    }
}

/// `y = x Wᵀ + b` with another layer's weight.
pub struct Tied {
    weight: Tensor, // (out, in), the other layer's
    bias: Tensor,   // (out)
}

impl Tied {
    /// Takes the other layer's weight (out, in), and the parameter `bias`, zero.
    ///
    /// # Errors
    /// If the weight is no matrix, or the parameter is missing or has another shape.
    pub fn new(weight: &Tensor, vb: VarBuilder) -> Result<Self> {
        let bias = vb.get_with_hints(weight.dims2()?.0, "bias", Init::Const(0.))?;
        Ok(Self { weight: weight.clone(), bias })
    }

    /// (…, in) to (…, out).
    ///
    /// # Errors
    /// If the last dimension is not `in`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::linear_bias(x, &self.weight, &self.bias)
    }

    /// The bias alone: the weight is in a block of the layer that it belongs to.
    pub(crate) fn blocks(&self) -> Vec<Group> {
        vec![Group::whole([self.bias.id()])]
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

    /// Gain and bias as one.
    pub(crate) fn blocks(&self) -> Vec<Group> {
        vec![Group::whole([self.weight.id(), self.bias.id()])]
    }
}
