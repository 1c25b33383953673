//! The feed-forward block: two linear maps around a ReLU, degrees (0 ; 2).
//!
//! ```text
//! FF(x) = relu(x W₁ᵀ + b₁) W₂ᵀ        L 1 → B 1 → ReLU 1 → L 2
//! ```
//! A bias is possible at degree one only, so the second map has none.

use candle_core::Result;
use candle_nn::{Init, VarBuilder};

use crate::blocks::Group;
use crate::config::ModelConfig;
use crate::homogeneous::{Homogeneous, One, Two, Zero};
use crate::linear::Linear;

/// Two linear maps around a ReLU.
pub struct FeedForward {
    intermediate: Linear,
    bias: Homogeneous<One>, // (intermediate)
    output: Linear,
}

impl FeedForward {
    /// Takes the parameters `intermediate.dense.{weight,bias}` and `output.dense.weight`.
    ///
    /// # Errors
    /// If a parameter is missing or has another shape.
    pub fn new(config: &ModelConfig, vb: VarBuilder) -> Result<Self> {
        let (hidden, wide, std) = (config.hidden_size, config.intermediate_size, config.initializer_range);
        let dense = vb.pp("intermediate.dense");
        Ok(Self {
            intermediate: Linear::new(hidden, wide, std, dense.clone())?,
            bias: Homogeneous::parameter(dense.get_with_hints(wide, "bias", Init::Const(0.))?),
            output: Linear::new(wide, hidden, std, vb.pp("output.dense"))?,
        })
    }

    /// (batch, seq, hidden) to the same shape.
    ///
    /// # Errors
    /// If the last dimension is not `hidden`.
    pub fn forward(&self, x: &Homogeneous<Zero>) -> Result<Homogeneous<Two>> {
        self.intermediate.forward_relu_into(x, &self.bias, &self.output)
    }

    /// Two matrices, the first with its bias.
    pub(crate) fn blocks(&self) -> Vec<Group> {
        vec![Group::matrix([self.intermediate.id(), self.bias.id()]), Group::matrix([self.output.id()])]
    }
}
