//! Self-attention whose weights are ReLU scores divided by their row sum (Li et al. 2022, Section 3).
//!
//! ```text
//! ATTN(x) = Σᵢ N(relu(x Q_i (x K_i)ᵀ / √d_k)) x V_i O_i        degrees: (0 ; 2)
//! ```
//! The weights are degree two over degree two: the scale of the parameters leaves them unchanged, and `√d_k` cancels.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use crate::blocks::Group;
use crate::config::ModelConfig;
use crate::homogeneous::{Homogeneous, Two, Zero};
use crate::linear::Linear;
use crate::mode::{Mode, Selection};

/// Scale-invariant multi-head self-attention, from degree zero to degree two.
pub struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    rotary_base: Option<f64>,
    num_heads: usize,
    dropout: f32,
}

impl Attention {
    /// Takes the parameters `self.{query,key,value}.weight` and `output.dense.weight`.
    ///
    /// # Errors
    /// If a parameter is missing or has another shape.
    pub fn new(config: &ModelConfig, vb: VarBuilder) -> Result<Self> {
        let linear = |vb: VarBuilder| {
            Linear::new(config.hidden_size, config.hidden_size, config.initializer_range, vb)
        };
        Ok(Self {
            query: linear(vb.pp("self.query"))?,
            key: linear(vb.pp("self.key"))?,
            value: linear(vb.pp("self.value"))?,
            output: linear(vb.pp("output.dense"))?,
            rotary_base: config.rotary_base(),
            num_heads: config.num_attention_heads,
            dropout: config.attention_probs_dropout_prob,
        })
    }

    /// (batch, seq, hidden) to the same shape, or to the selected rows; `keep` (batch, seq) is 0 where a key is padding.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn forward(
        &self,
        x: &Homogeneous<Zero>,
        keep: &Tensor,
        rows: Option<&Selection>,
        mode: Mode,
    ) -> Result<Homogeneous<Two>> {
        let (query, key, value) = (self.query.forward(x)?, self.key.forward(x)?, self.value.forward(x)?);
        let (query, key) = (self.turn(query)?, self.turn(key)?);
        let mixed = query.attention(&key, &value, keep, self.num_heads, self.dropout, mode)?; // degree one
        self.output.forward(&mixed.select(rows)?)
    }

    /// Queries or keys, turned by the angles of their positions where these are rotary.
    fn turn<D>(&self, x: Homogeneous<D>) -> Result<Homogeneous<D>> {
        match self.rotary_base {
            Some(base) => x.rotary(self.num_heads, base),
            None => Ok(x),
        }
    }

    /// Four matrices.
    pub(crate) fn blocks(&self) -> Vec<Group> {
        [&self.query, &self.key, &self.value, &self.output].map(|map| Group::matrix([map.id()])).into()
    }
}
