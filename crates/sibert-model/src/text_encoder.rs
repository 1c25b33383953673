//! An encoder without a head: texts to hidden states, or to a vector each.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use candle_core::{DType, Device, Result, Tensor, Var};

use crate::backbone::{self, Backbone};
use crate::config::ModelConfig;
use crate::finetuning::Inputs;
use crate::mode::{Mode, Selection};
use crate::parameters::Parameters;
use crate::tape::no_grad;

/// How the hidden states of a text become one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// The mean of the states of its tokens, padding left out.
    Mean,
    /// The state of its first token, `[CLS]`.
    Cls,
}

/// The encoder of a checkpoint, whatever head it was trained with.
pub struct TextEncoder {
    backbone: Backbone,
    parameters: Vec<(String, Var)>,
    config: ModelConfig,
}

impl fmt::Debug for TextEncoder {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let count: usize = self.parameters.iter().map(|(_, var)| var.elem_count()).sum();
        f.debug_struct("TextEncoder")
            .field("config", &self.config)
            .field("parameters", &count)
            .finish_non_exhaustive()
    }
}

impl TextEncoder {
    /// The encoder of `tensors`, by name; heads are left out, and BERT's older and shorter names are understood.
    ///
    /// # Errors
    /// If the configuration is not valid, or a tensor of the encoder is missing or of another shape; names it.
    pub fn load(
        config: &ModelConfig,
        tensors: HashMap<String, Tensor>,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        config.validate()?;
        let parameters = Parameters::loaded(backbone::canonical(config, tensors));
        let vb = parameters.builder(dtype, device).pp(config.model_type.prefix());
        let backbone = Backbone::new(config, vb)?;
        Ok(Self { backbone, parameters: parameters.vars(), config: config.clone() })
    }

    /// The encoder saved in `folder`, whose parameters become `dtype` on `device`.
    ///
    /// # Errors
    /// If a file cannot be read, or as [`load`](Self::load); names the file.
    pub fn from_pretrained(folder: impl AsRef<Path>, dtype: DType, device: &Device) -> Result<Self> {
        let (config, tensors) = crate::checkpoint::read(folder.as_ref())?;
        crate::checkpoint::named(folder.as_ref(), Self::load(&config, tensors, dtype, device))
    }

    /// The configuration.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// All parameters by name, in their fixed order.
    pub fn parameters(&self) -> Vec<(String, Var)> {
        self.parameters.clone()
    }

    /// The last hidden states (batch, seq, hidden), outside any graph.
    ///
    /// # Errors
    /// If the sequence is longer than the positions, an id is outside its table, or the shapes do not fit.
    pub fn hidden_states(&self, texts: &Inputs) -> Result<Tensor> {
        self.forward(texts, None)
    }

    /// A vector for each text (batch, hidden), outside any graph.
    ///
    /// # Errors
    /// As [`hidden_states`](Self::hidden_states).
    pub fn embed(&self, texts: &Inputs, pooling: Pooling) -> Result<Tensor> {
        match pooling {
            Pooling::Mean => mean(&self.forward(texts, None)?, &texts.attention_mask),
            Pooling::Cls => self.forward(texts, Some(&Selection::first_tokens(&texts.input_ids)?)),
        }
    }

    fn forward(&self, texts: &Inputs, rows: Option<&Selection>) -> Result<Tensor> {
        let Inputs { input_ids, token_type_ids, attention_mask } = texts;
        self.config.check_length(input_ids.dim(1)?)?;
        let hidden =
            no_grad(|| self.backbone.forward(input_ids, token_type_ids, attention_mask, rows, Mode::Eval))?;
        Ok(hidden.detach())
    }
}

/// The mean of the hidden states (batch, seq, hidden) of real tokens: (batch, hidden).
pub(crate) fn mean(hidden: &Tensor, attention_mask: &Tensor) -> Result<Tensor> {
    let keep = attention_mask.unsqueeze(2)?.to_dtype(hidden.dtype())?; // (batch, seq, 1)
    hidden.broadcast_mul(&keep)?.sum(1)?.broadcast_div(&keep.sum(1)?)
}
