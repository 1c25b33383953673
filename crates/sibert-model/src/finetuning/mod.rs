//! The model that is fine-tuned: an encoder with the head of a task.
//!
//! ```text
//! ids ─ encoder ─┬─ first token ─ pooler ─ tanh ─ dropout ─ classifier ─▶ classes or a score
//!                ├─ every token ─ qa_outputs ──────────────────────────▶ start and end of a span
//!                └─ every token ─ dropout ─ classifier ────────────────▶ classes
//! ```
//! The heads and their names are those of transformers' `BertForSequenceClassification`, `BertForQuestionAnswering` and
//! `BertForTokenClassification`; SIBERT's are the same, behind an encoder whose hidden states have degree zero.

mod head;
mod loss;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;

use candle_core::{DType, Device, Result, Tensor, Var, bail};

use crate::backbone::{self, Backbone};
use crate::blocks::{self, Block};
use crate::config::ModelConfig;
use crate::mode::{Mode, Selection};
use crate::parameters::Parameters;

pub use head::HeadKind;
pub use loss::Targets;

use head::Head;

/// A batch of texts. Ids are on the host whatever the device of the model: operations send what they need.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// Token ids, u32 (batch, seq).
    pub input_ids: Tensor,
    /// Segment of each token, u32 (batch, seq).
    pub token_type_ids: Tensor,
    /// 1 where a token is real, 0 where it is padding, in the dtype of the parameters, on the model's device (batch, seq).
    pub attention_mask: Tensor,
}

/// Which parameters are not the checkpoint's, and which of its tensors have no place; sorted names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origins {
    /// Parameters that were drawn from the seed.
    pub drawn: Vec<String>,
    /// Tensors of the checkpoint that were not used, the head that a new one replaces among them.
    pub unused: Vec<String>,
}

impl fmt::Debug for FineTuning {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let count: usize = self.parameters.iter().map(|(_, var)| var.elem_count()).sum();
        f.debug_struct("FineTuning")
            .field("config", &self.config)
            .field("head", &self.kind)
            .field("parameters", &count)
            .finish_non_exhaustive()
    }
}

/// An encoder with the head of a task and its parameters.
pub struct FineTuning {
    backbone: Backbone,
    head: Head,
    kind: HeadKind,
    parameters: Vec<(String, Var)>,
    blocks: [Vec<Block>; 2], // of the encoder and of the head
    config: ModelConfig,
}

impl FineTuning {
    /// A model whose encoder is that of `tensors`, by name; BERT's older and shorter names are understood.
    ///
    /// With `keeps_head` the head is the checkpoint's too, pooler and all. Otherwise the last map is drawn from `seed`,
    /// and so is the pooler where the checkpoint has none.
    ///
    /// # Errors
    /// If the configuration is not valid, the head that is kept has another number of outputs, or tensors are missing or
    /// of another shape; each is named.
    pub fn load(
        config: &ModelConfig,
        head: HeadKind,
        keeps_head: bool,
        tensors: HashMap<String, Tensor>,
        seed: u64,
        dtype: DType,
        device: &Device,
    ) -> Result<(Self, Origins)> {
        config.validate()?;
        head.validate()?;
        let mut tensors = backbone::canonical(config, tensors);
        let mut unused = Vec::new();
        let roots = if keeps_head {
            head.check(&tensors)?;
            Vec::new()
        } else {
            let own = format!("{}.", head.root());
            unused.extend(tensors.extract_if(|name, _| name.starts_with(&own)).map(|(name, _)| name));
            head.roots(config.model_type)
        };
        let parameters = Parameters::completed(tensors, seed, roots);
        let model = Self::build(config, head, &parameters, dtype, device)?;
        unused.extend(parameters.unused());
        unused.sort();
        Ok((model, Origins { drawn: parameters.drawn(), unused }))
    }

    fn build(
        config: &ModelConfig,
        kind: HeadKind,
        parameters: &Parameters,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let vb = parameters.builder(dtype, device);
        let backbone = Backbone::new(config, vb.pp(config.model_type.prefix()))?;
        let head = Head::new(config, kind, vb)?;
        let faults = parameters.faults();
        if !faults.is_empty() {
            bail!(
                "the checkpoint does not fit its configuration and a head for {kind}: {}",
                faults.join("; ")
            );
        }
        let parameters = parameters.vars();
        let (encoder, tuned) = (backbone.blocks(false), head.blocks());
        let boundary = encoder.len();
        let groups = encoder.into_iter().chain(tuned).collect();
        let mut encoder = blocks::of_groups(groups, &parameters)?; // the head's parameters come last
        let tuned = encoder.split_off(boundary);
        Ok(Self { backbone, head, kind, parameters, blocks: [encoder, tuned], config: config.clone() })
    }

    /// The configuration.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The kind of head.
    pub fn head(&self) -> HeadKind {
        self.kind
    }

    /// All parameters by name, in their fixed order.
    pub fn parameters(&self) -> Vec<(String, Var)> {
        self.parameters.clone()
    }

    /// The blocks of the encoder's parameters, each parameter in one of them.
    pub fn encoder_blocks(&self) -> Vec<Block> {
        self.blocks[0].clone()
    }

    /// The blocks of the head's parameters, pooler and all, each parameter in one of them.
    pub fn head_blocks(&self) -> Vec<Block> {
        self.blocks[1].clone()
    }

    /// The logits: (batch, classes), a score (batch, 1), or those of each token (batch, seq, 2) or (batch, seq, classes).
    ///
    /// Only the first tokens pass the last layer where the head reads no others.
    ///
    /// # Errors
    /// If the sequence is longer than the positions, an id is outside its table, or the shapes do not fit.
    pub fn forward(&self, inputs: &Inputs, mode: Mode) -> Result<Tensor> {
        let Inputs { input_ids, token_type_ids, attention_mask } = inputs;
        self.config.check_length(input_ids.dim(1)?)?;
        let rows = match self.head {
            Head::Pooled { .. } => Some(Selection::first_tokens(input_ids)?),
            Head::Tokens { .. } => None,
        };
        let hidden = self.backbone.forward(input_ids, token_type_ids, attention_mask, rows.as_ref(), mode)?;
        self.head.forward(&hidden, mode.fork(self.config.num_hidden_layers + 1))
    }

    /// The loss, a scalar: summed over the batch, so that micro-batches add up to their batch exactly.
    ///
    /// Cross-entropy of classes, squared error of scores, binary cross-entropy of labels; of spans the mean of the start's
    /// and the end's cross-entropy over the real tokens, and of tokens the cross-entropy of those that have a class.
    ///
    /// # Errors
    /// If the targets are those of another head or not as many as the texts, or one is out of range.
    pub fn loss(&self, logits: &Tensor, inputs: &Inputs, targets: &Targets) -> Result<Tensor> {
        loss::loss(self.kind, logits, inputs, targets)
    }
}
