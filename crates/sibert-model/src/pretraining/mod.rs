//! The model that is pretrained: an encoder, the masked-LM head, optionally the next-sentence head.

mod batch;

use std::collections::HashMap;
use std::fmt;

use candle_core::{DType, Device, Result, Tensor, Var, bail};
use candle_nn::VarBuilder;

use crate::backbone::{self, Backbone};
use crate::blocks::{self, Block};
use crate::config::{ModelConfig, ModelType};
use crate::finetuning::Inputs;
use crate::heads::{MaskedLmHead, NextSentenceHead};
use crate::mode::{Mode, Selection};
use crate::ops;
use crate::parameters::Parameters;
use crate::tape::no_grad;
use crate::text_encoder;

pub use batch::{Batch, PretrainingOutput};

impl fmt::Debug for PreTraining {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let count: usize = self.parameters().iter().map(|(_, var)| var.elem_count()).sum();
        f.debug_struct("PreTraining")
            .field("config", &self.config)
            .field("parameters", &count)
            .finish_non_exhaustive()
    }
}

/// An encoder with its pretraining heads and its parameters.
pub struct PreTraining {
    backbone: Backbone,
    masked_lm: MaskedLmHead,
    next_sentence: Option<NextSentenceHead>,
    parameters: Parameters,
    blocks: Vec<Block>,
    config: ModelConfig,
}

impl PreTraining {
    /// A model whose parameters are drawn from `seed`.
    ///
    /// # Errors
    /// If the configuration is not valid.
    pub fn new(config: &ModelConfig, seed: u64, dtype: DType, device: &Device) -> Result<Self> {
        Self::build(config, Parameters::initialised(seed), dtype, device)
    }

    /// A model whose parameters are `tensors`, by name; BERT's older and shorter names are understood.
    ///
    /// # Errors
    /// If the configuration is not valid, or a tensor is missing, left over or of another shape; each is named.
    pub fn load(
        config: &ModelConfig,
        tensors: HashMap<String, Tensor>,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let tensors = backbone::canonical(config, tensors);
        let model = Self::build(config, Parameters::loaded(tensors), dtype, device)?;
        let unused = model.parameters.unused();
        if !unused.is_empty() {
            bail!(
                "the checkpoint has tensors that the configuration has no place for: {}",
                unused.join(", ")
            );
        }
        Ok(model)
    }

    fn build(config: &ModelConfig, parameters: Parameters, dtype: DType, device: &Device) -> Result<Self> {
        config.validate()?;
        let vb = parameters.builder(dtype, device);
        let encoder_vb = vb.pp(config.model_type.prefix());
        let backbone = Backbone::new(config, encoder_vb.clone())?;
        let cls = vb.pp("cls");
        let (tied, predictions) = (config.has_tied_decoder(), cls.pp("predictions"));
        let masked_lm = match &backbone {
            _ if !tied => MaskedLmHead::untied(config, predictions)?,
            Backbone::Bert(bert) => MaskedLmHead::tied(config, bert.word_embeddings(), predictions)?,
            Backbone::Sibert(encoder) => MaskedLmHead::invariant(config, encoder.words(), predictions)?,
        };
        let next_sentence =
            config.next_sentence_prediction.then(|| Self::next_sentence_head(config, encoder_vb, cls));
        let next_sentence = next_sentence.transpose()?;
        let pairs = next_sentence.iter().flat_map(NextSentenceHead::blocks);
        let groups = backbone.blocks(tied).into_iter().chain(masked_lm.blocks()).chain(pairs).collect();
        let blocks = blocks::of_groups(groups, &parameters.vars())?;
        Ok(Self { backbone, masked_lm, next_sentence, parameters, blocks, config: config.clone() })
    }

    /// The pooler is a head's in SIBERT (it is not scale invariant) and the encoder's, by name, in BERT.
    fn next_sentence_head(
        config: &ModelConfig,
        encoder: VarBuilder,
        cls: VarBuilder,
    ) -> Result<NextSentenceHead> {
        let pooler = match config.model_type {
            ModelType::Sibert => cls.pp("pooler"),
            ModelType::Bert => encoder.pp("pooler"),
        };
        NextSentenceHead::new(config, pooler, cls)
    }

    /// The configuration.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// All parameters by name, in their fixed order.
    pub fn parameters(&self) -> Vec<(String, Var)> {
        self.parameters.vars()
    }

    /// The encoder's parameters; for SIBERT the scale-invariant group.
    pub fn encoder_parameters(&self) -> Vec<(String, Var)> {
        self.group(true)
    }

    /// The heads' parameters.
    pub fn head_parameters(&self) -> Vec<(String, Var)> {
        self.group(false)
    }

    /// The blocks of [`encoder_parameters`](Self::encoder_parameters), each parameter in one of them.
    pub fn encoder_blocks(&self) -> Vec<Block> {
        self.blocks_of(true)
    }

    /// The blocks of [`head_parameters`](Self::head_parameters), each parameter in one of them.
    pub fn head_blocks(&self) -> Vec<Block> {
        self.blocks_of(false)
    }

    fn group(&self, encoder: bool) -> Vec<(String, Var)> {
        self.parameters().into_iter().filter(|(name, _)| self.in_encoder(name) == encoder).collect()
    }

    /// No layer is partly the encoder's: a block belongs where its first parameter does.
    fn blocks_of(&self, encoder: bool) -> Vec<Block> {
        let is_there =
            |block: &&Block| block.vars.iter().take(1).any(|(name, _)| self.in_encoder(name) == encoder);
        self.blocks.iter().filter(is_there).cloned().collect()
    }

    fn in_encoder(&self, name: &str) -> bool {
        name.split('.').next() == Some(self.config.model_type.prefix())
    }

    /// Multiplies the encoder's parameters by `factor`: the initial scale of the paper's Figure 1.
    ///
    /// # Errors
    /// If the device fails.
    pub fn scale_encoder(&self, factor: f64) -> Result<()> {
        for (_, var) in self.encoder_parameters() {
            var.set(&var.as_tensor().detach().affine(factor, 0.)?)?;
        }
        Ok(())
    }

    /// The last hidden states (batch, seq, hidden).
    ///
    /// # Errors
    /// If the sequence is longer than the positions, an id is outside its table, or the shapes do not fit.
    pub fn encode(&self, batch: &Batch, mode: Mode) -> Result<Tensor> {
        self.encode_rows(batch, None, mode)
    }

    /// A vector for each text, the mean of the last hidden states of its real tokens: (batch, hidden), outside any graph.
    ///
    /// # Errors
    /// As `encode`.
    pub fn embed(&self, texts: &Inputs) -> Result<Tensor> {
        let Inputs { input_ids, token_type_ids, attention_mask } = texts;
        self.config.check_length(input_ids.dim(1)?)?;
        let hidden =
            no_grad(|| self.backbone.forward(input_ids, token_type_ids, attention_mask, None, Mode::Eval))?;
        text_encoder::mean(&hidden.detach(), attention_mask)
    }

    /// The last hidden states of all rows (batch, seq, hidden), or of the selected ones (n, hidden).
    fn encode_rows(&self, batch: &Batch, rows: Option<&Selection>, mode: Mode) -> Result<Tensor> {
        self.config.check_length(batch.input_ids.dim(1)?)?;
        let (ids, types, keep) = (&batch.input_ids, &batch.token_type_ids, &batch.attention_mask);
        self.backbone.forward(ids, types, keep, rows, mode)
    }

    /// SIBERT's residual streams (batch, seq, hidden), as `Encoder::streams`.
    ///
    /// # Errors
    /// If the model is BERT, which has no stream of degree two, or the shapes do not fit.
    pub fn streams(&self, batch: &Batch) -> Result<Vec<Tensor>> {
        match &self.backbone {
            Backbone::Sibert(encoder) => {
                encoder.streams(&batch.input_ids, &batch.token_type_ids, &batch.attention_mask)
            }
            Backbone::Bert(_) => bail!("a BERT encoder has no scale-invariant stream"),
        }
    }

    /// Losses and logits of a batch; only the positions that a head reads pass the last layer.
    ///
    /// # Errors
    /// As `encode`; or if a position or label is out of range.
    pub fn forward(&self, batch: &Batch, mode: Mode) -> Result<PretrainingOutput> {
        let (sequences, seq) = batch.input_ids.dims2()?;
        let (masked, next_sentence) = match (&self.next_sentence, &batch.next_sentence) {
            (None, None) => return self.masked_lm(batch, mode),
            (Some(head), Some(labels)) => {
                let range = |start: usize, count: usize, step: usize| {
                    let ids = (0..count).map(|i| (start + i * step) as u32);
                    Tensor::from_iter(ids, batch.positions.device())
                };
                let (masked, firsts) = (batch.positions.dim(0)?, range(0, sequences, seq)?);
                let rows = Selection { ids: Tensor::cat(&[&batch.positions, &firsts], 0)?, seq };
                let hidden = self.encode_rows(batch, Some(&rows), mode)?; // (masked + batch, hidden)
                let first = ops::rows(&hidden, &range(masked, sequences, 1)?)?; // (batch, hidden)
                let logits = head.forward(&first)?; // (batch, 2)
                let loss = ops::cross_entropy(&logits, labels)?;
                (ops::rows(&hidden, &range(0, masked, 1)?)?, Some((loss, logits.detach())))
            }
            (Some(_), None) => bail!("next_sentence_prediction is true, but the batch has no sentence pairs"),
            (None, Some(_)) => bail!("the batch has sentence pairs, but next_sentence_prediction is false"),
        };
        self.output(&masked, batch, next_sentence)
    }

    /// Loss and logits of the masked tokens alone, also of a model that judges pairs and a batch without any.
    ///
    /// # Errors
    /// As `forward`.
    pub fn masked_lm(&self, batch: &Batch, mode: Mode) -> Result<PretrainingOutput> {
        let rows = Selection { ids: batch.positions.clone(), seq: batch.input_ids.dim(1)? };
        let masked = self.encode_rows(batch, Some(&rows), mode)?; // (masked, hidden)
        self.output(&masked, batch, None)
    }

    /// The states of the masked tokens (masked, hidden), and loss and logits of the pairs, as the output.
    fn output(
        &self,
        masked: &Tensor,
        batch: &Batch,
        next_sentence: Option<(Tensor, Tensor)>,
    ) -> Result<PretrainingOutput> {
        let logits = self.masked_lm.forward(masked)?; // (masked, vocab)
        let (next_sentence_loss, next_sentence_logits) = next_sentence.unzip();
        Ok(PretrainingOutput {
            masked_lm_loss: ops::cross_entropy(&logits, &batch.labels)?,
            next_sentence_loss,
            logits: logits.detach(),
            next_sentence_logits,
        })
    }
}
