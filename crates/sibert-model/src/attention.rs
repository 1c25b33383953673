//! Self-attention whose weights have degree zero: ReLU scores over their row sum, or the softmax of cosines.
//!
//! ```text
//! relu        ATTN(x) = Σᵢ N(relu(qᵢ kᵢᵀ / √d_k)) x V_i O_i        degrees: (0 ; 2)
//! normalized  ATTN(x) = Σᵢ softmax(c · q̂ᵢ k̂ᵢᵀ) x V_i O_i           degrees: (0 ; 2)
//!             qᵢ = x Q_i, kᵢ = x K_i of degree one; q̂ = q/‖q‖, k̂ = k/‖k‖ row by row, of degree zero
//! ```
//! The first weights (Li et al. 2022, Section 3) are degree two over degree two: the scale of the parameters leaves them
//! unchanged, and `√d_k` cancels. The second are a function of degree zero alone; c is a constant of the configuration.
//! Rotary positions turn the queries and keys of the first, and the unit ones of the second: degree and length stay.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use crate::blocks::Group;
use crate::config::{AttentionKind, ModelConfig};
use crate::homogeneous::{Homogeneous, One, Two, Zero};
use crate::linear::Linear;
use crate::mode::{Mode, Selection};

/// The rule that makes weights of queries and keys.
enum Rule {
    Relu,
    Normalized { scale: f64 },
}

/// The part between the maps, without parameters.
struct Mixer {
    rule: Rule,
    rotary_base: Option<f64>,
    num_heads: usize,
    dropout: f32,
}

/// Scale-invariant multi-head self-attention, from degree zero to degree two.
pub struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    mixer: Mixer,
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
            mixer: Mixer::new(config),
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
        let mixed = self.mixer.forward([query, key, value], keep, mode)?;
        self.output.forward(&mixed.select(rows)?)
    }

    /// Four matrices, cut into heads.
    pub(crate) fn blocks(&self) -> Vec<Group> {
        let heads = self.mixer.num_heads;
        let [query, key, value] =
            [&self.query, &self.key, &self.value].map(|map| Group::head_rows(heads, map.id()));
        vec![query, key, value, Group::head_columns(heads, self.output.id())]
    }
}

impl Mixer {
    fn new(config: &ModelConfig) -> Self {
        Self {
            rule: match config.attention_kind() {
                AttentionKind::Relu => Rule::Relu,
                AttentionKind::Normalized => Rule::Normalized { scale: config.score_scale() },
            },
            rotary_base: config.rotary_base(),
            num_heads: config.num_attention_heads,
            dropout: config.attention_probs_dropout_prob,
        }
    }

    /// The values (batch, seq, hidden), mixed by the weights of queries and keys.
    fn forward(
        &self,
        [query, key, value]: [Homogeneous<One>; 3],
        keep: &Tensor,
        mode: Mode,
    ) -> Result<Homogeneous<One>> {
        let (heads, p) = (self.num_heads, self.dropout);
        match self.rule {
            Rule::Relu => self.turn(query)?.attention(&self.turn(key)?, &value, keep, heads, p, mode),
            Rule::Normalized { scale } => {
                let (query, key) = (self.unit(&query)?, self.unit(&key)?);
                Homogeneous::softmax_attention([&query, &key], &value, keep, heads, scale, p, mode)
            }
        }
    }

    /// Queries or keys of unit length, turned where positions are rotary.
    fn unit(&self, x: &Homogeneous<One>) -> Result<Homogeneous<Zero>> {
        match self.rotary_base {
            Some(base) => x.unit_heads_rotary(self.num_heads, base),
            None => x.unit_heads(self.num_heads),
        }
    }

    /// Queries or keys, turned by the angles of their positions where these are rotary.
    fn turn(&self, x: Homogeneous<One>) -> Result<Homogeneous<One>> {
        match self.rotary_base {
            Some(base) => x.rotary(self.num_heads, base),
            None => Ok(x),
        }
    }
}
