//! The pretraining heads: masked language modelling and next-sentence prediction.
//!
//! They are not scale invariant and have an optimizer of their own. SIBERT's masked-LM decoder is not
//! tied to the token table: a tied one would make the loss depend on the encoder's scale.

use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};

use crate::affine::{Dense, LayerNorm};
use crate::config::ModelConfig;
use crate::ops;

/// Dense + bias → GELU → layer norm → decoder + bias: BERT's masked-LM head.
pub struct MaskedLmHead {
    transform: Dense,
    norm: LayerNorm,
    decoder: Dense, // (vocab, hidden)
}

impl MaskedLmHead {
    /// A head with a decoder of its own: `transform.*`, `decoder.{weight,bias}`.
    ///
    /// # Errors
    /// If a parameter is missing or has another shape.
    pub fn untied(config: &ModelConfig, vb: VarBuilder) -> Result<Self> {
        let decoder = |vb: VarBuilder| {
            Dense::new(config.hidden_size, config.vocab_size, config.initializer_range, vb.pp("decoder"))
        };
        Self::new(config, vb, decoder)
    }

    /// A head whose decoder is the token table (vocab, hidden): `transform.*`, `bias`.
    ///
    /// # Errors
    /// If a parameter is missing or has another shape.
    pub fn tied(config: &ModelConfig, table: &Tensor, vb: VarBuilder) -> Result<Self> {
        let decoder = |vb: VarBuilder| {
            Ok(Dense::tied(table.clone(), vb.get_with_hints(config.vocab_size, "bias", Init::Const(0.))?))
        };
        Self::new(config, vb, decoder)
    }

    fn new(
        config: &ModelConfig,
        vb: VarBuilder,
        decoder: impl FnOnce(VarBuilder) -> Result<Dense>,
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
}
