//! The pretraining heads: masked language modelling and next-sentence prediction.
//!
//! They are not scale invariant and have an optimizer of their own. SIBERT's masked-LM decoder has a weight of its own, or is the
//! token table with its rows divided by their lengths, of degree zero: tied as BERT's, with the table as it is, the loss would
//! depend on the encoder's scale.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use crate::affine::{Dense, LayerNorm, Tied};
use crate::blocks::Group;
use crate::config::{ModelConfig, ModelType};
use crate::homogeneous::{Homogeneous, One};
use crate::ops;

/// Transformed states (…, hidden) to logits (…, vocab).
enum Decoder {
    Own(Dense),
    Tied(Tied),
    /// The directions of a table's rows.
    Directions(Homogeneous<One>),
}

impl Decoder {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Own(dense) => dense.forward(x),
            Self::Tied(tied) => tied.forward(x),
            Self::Directions(table) => ops::linear(x, &table.unit_heads(1)?.into_inner()),
        }
    }

    fn blocks(&self) -> Vec<Group> {
        match self {
            Self::Own(dense) => dense.blocks(),
            Self::Tied(tied) => tied.blocks(),
            Self::Directions(_) => Vec::new(), // the table is in a block of the embeddings
        }
    }
}

/// Dense + bias → GELU → layer norm → decoder + bias: BERT's masked-LM head; decoded by directions it has no bias at the end.
pub struct MaskedLmHead {
    transform: Dense,
    norm: LayerNorm,
    decoder: Decoder, // (vocab, hidden)
}

impl MaskedLmHead {
    /// A head with a decoder of its own: `transform.*`, `decoder.weight` and, SIBERT's, `decoder.bias` or, BERT's, `bias`.
    ///
    /// # Errors
    /// If a parameter is missing or has another shape.
    pub fn untied(config: &ModelConfig, vb: VarBuilder) -> Result<Self> {
        let (hidden, vocab, std) = (config.hidden_size, config.vocab_size, config.initializer_range);
        Self::new(config, vb, |vb| {
            let decoder = vb.pp("decoder");
            let bias = if config.model_type == ModelType::Bert { vb } else { decoder.clone() };
            Dense::with_bias_in(hidden, vocab, std, decoder, bias).map(Decoder::Own)
        })
    }

    /// A head whose decoder is the token table (vocab, hidden): `transform.*`, `bias`.
    ///
    /// # Errors
    /// If a parameter is missing or has another shape.
    pub fn tied(config: &ModelConfig, table: &Tensor, vb: VarBuilder) -> Result<Self> {
        Self::new(config, vb, |vb| Tied::new(table, vb).map(Decoder::Tied))
    }

    /// A head whose decoder is the directions of the rows of the token table (vocab, hidden): `transform.*`.
    ///
    /// # Errors
    /// If a parameter is missing or has another shape.
    pub fn invariant(config: &ModelConfig, table: &Homogeneous<One>, vb: VarBuilder) -> Result<Self> {
        Self::new(config, vb, |_| Ok(Decoder::Directions(table.share())))
    }

    fn new(
        config: &ModelConfig,
        vb: VarBuilder,
        decoder: impl FnOnce(VarBuilder) -> Result<Decoder>,
    ) -> Result<Self> {
        let (hidden, transform) = (config.hidden_size, vb.pp("transform"));
        Ok(Self {
            transform: Dense::new(hidden, hidden, config.initializer_range, transform.pp("dense"))?,
            norm: LayerNorm::new(hidden, config.layer_norm_eps, transform.pp("LayerNorm"))?,
            decoder: decoder(vb)?,
        })
    }

    /// Hidden states of the masked positions (masked, hidden) to logits (masked, vocab).
    ///
    /// # Errors
    /// If the last dimension is not `hidden`.
    pub fn forward(&self, hidden: &Tensor) -> Result<Tensor> {
        let transformed = self.norm.forward(&ops::gelu(&self.transform.forward(hidden)?)?)?;
        self.decoder.forward(&transformed)
    }

    /// The blocks of transformation, norm and decoder.
    pub(crate) fn blocks(&self) -> Vec<Group> {
        [self.transform.blocks(), self.norm.blocks(), self.decoder.blocks()].into_iter().flatten().collect()
    }
}

/// Pooler and binary classifier of the first token: does the second segment follow the first?
pub struct NextSentenceHead {
    pooler: Dense,
    classifier: Dense, // (2, hidden); index 0: it follows, 1: a random one
}

impl NextSentenceHead {
    /// Takes `dense.*` below `pooler` and `seq_relationship.*` below `classifier`.
    ///
    /// # Errors
    /// If a parameter is missing or has another shape.
    pub fn new(config: &ModelConfig, pooler: VarBuilder, classifier: VarBuilder) -> Result<Self> {
        let (hidden, std) = (config.hidden_size, config.initializer_range);
        Ok(Self {
            pooler: Dense::new(hidden, hidden, std, pooler.pp("dense"))?,
            classifier: Dense::new(hidden, 2, std, classifier.pp("seq_relationship"))?,
        })
    }

    /// Hidden states of the first tokens (batch, hidden) to logits (batch, 2).
    ///
    /// # Errors
    /// If the last dimension is not `hidden`.
    pub fn forward(&self, first: &Tensor) -> Result<Tensor> {
        self.classifier.forward(&ops::tanh(&self.pooler.forward(first)?)?)
    }

    /// The blocks of pooler and classifier.
    pub(crate) fn blocks(&self) -> Vec<Group> {
        [self.pooler.blocks(), self.classifier.blocks()].into_iter().flatten().collect()
    }
}
