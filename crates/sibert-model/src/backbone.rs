//! The encoder of either architecture.

use std::collections::HashMap;

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use crate::bert::{self, Bert};
use crate::blocks::Group;
use crate::config::{ModelConfig, ModelType};
use crate::encoder::Encoder;
use crate::mode::{Mode, Selection};

/// Token ids to hidden states.
pub(crate) enum Backbone {
    Sibert(Encoder),
    Bert(Bert),
}

impl Backbone {
    /// Takes the encoder's parameters; `vb` is below their prefix already.
    pub fn new(config: &ModelConfig, vb: VarBuilder) -> Result<Self> {
        Ok(match config.model_type {
            ModelType::Sibert => Self::Sibert(Encoder::new(config, vb)?),
            ModelType::Bert => Self::Bert(Bert::new(config, vb)?),
        })
    }

    /// Ids, segments and mask (batch, seq) to the last hidden states of all tokens, or of `rows` (n, hidden).
    pub fn forward(
        &self,
        ids: &Tensor,
        types: &Tensor,
        keep: &Tensor,
        rows: Option<&Selection>,
        mode: Mode,
    ) -> Result<Tensor> {
        match self {
            Self::Sibert(encoder) => Ok(encoder.forward(ids, types, keep, rows, mode)?.into_inner()),
            Self::Bert(bert) => bert.forward(ids, types, keep, rows, mode),
        }
    }

    /// The blocks of the encoder's parameters; its token table may be the `decoder` of a head, too.
    pub fn blocks(&self, decoder: bool) -> Vec<Group> {
        match self {
            Self::Sibert(encoder) => encoder.blocks(decoder),
            Self::Bert(bert) => bert.blocks(),
        }
    }
}

/// The tensors under the names of this crate: BERT's older and shorter ones are understood.
pub(crate) fn canonical(config: &ModelConfig, tensors: HashMap<String, Tensor>) -> HashMap<String, Tensor> {
    match config.model_type {
        ModelType::Sibert => tensors,
        ModelType::Bert => bert::canonical(tensors, config.has_tied_decoder()),
    }
}
