//! Self-attention whose weights are ReLU scores divided by their row sum (Li et al. 2022, Section 3).
//!
//! ```text
//! ATTN(x) = Σᵢ N(relu(x Q_i (x K_i)ᵀ / √d_k)) x V_i O_i        degrees: (0 ; 2)
//! ```
//! The weights are degree two over degree two: the scale of the parameters leaves them unchanged.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use crate::config::ModelConfig;
use crate::homogeneous::{Homogeneous, Two, Zero};
use crate::linear::Linear;
use crate::mode::Mode;

/// Scale-invariant multi-head self-attention, from degree zero to degree two.
pub struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    num_heads: usize,
    scale: f64, // 1/√d_k: changes nothing mathematically, keeps half precision in range
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
            num_heads: config.num_attention_heads,
            scale: (config.head_dim() as f64).powf(-0.5),
            dropout: config.attention_probs_dropout_prob,
        })
    }

    /// (batch, seq, hidden) to the same shape; `keep` (batch, seq) is 0 where a key is padding.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn forward(&self, x: &Homogeneous<Zero>, keep: &Tensor, mode: Mode) -> Result<Homogeneous<Two>> {
        let query = self.query.forward(x)?.scale(self.scale)?.split_heads(self.num_heads)?; // (batch, heads, seq, dim)
        let key = self.key.forward(x)?.split_heads(self.num_heads)?;
        let value = self.value.forward(x)?.split_heads(self.num_heads)?;
        let scores = query.matmul(&key.t()?)?; // (batch, heads, seq, seq), degree two
        let weights = scores.relu_normalize(keep)?.dropout(self.dropout, mode)?;
        self.output.forward(&weights.matmul(&value)?.merge_heads()?)
    }
}
