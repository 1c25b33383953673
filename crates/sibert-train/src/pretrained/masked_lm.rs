//! A model that guesses masked words, out of any checkpoint that has the head for them.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};
use candle_core::{DType, Device, Tensor};
use sibert_model::{ModelConfig, PreTraining};

use super::config;
use super::weights::{Weights, ensure_layers};
use crate::model_folder;

/// The head for masked words.
const HEAD: &str = "cls.predictions.transform.dense.weight";
/// The head for pairs of sentences: its map, and its pooler in BERT, in short and in SIBERT.
const PAIRS: [&str; 4] = ["cls.seq_relationship.", "bert.pooler.", "pooler.", "cls.pooler."];
/// Heads of other tasks.
const OTHERS: [&str; 2] = ["classifier.weight", "qa_outputs.weight"];

/// Configuration and weights, without a tokenizer.
#[derive(Clone)]
pub struct MaskedLm {
    /// The name that the user gave.
    pub name: String,
    /// Its shape.
    pub config: ModelConfig,
    /// Parameters by their names in the checkpoint.
    pub tensors: HashMap<String, Tensor>,
}

impl MaskedLm {
    /// Opens a model as [`Pretrained::open`](super::Pretrained::open) does, whether or not it has a tokenizer.
    ///
    /// # Errors
    /// As there, the tokenizer aside.
    pub fn open(model: &str, device: &Device) -> Result<Self> {
        let place = model_folder::find(model, crate::hub::open)?;
        let (config, json) = config::read(&place)?;
        let tensors = Weights::find(&place, &json)?.load(&place, device)?;
        ensure_layers(model, config.num_hidden_layers, &tensors)?;
        Ok(Self { name: model.to_owned(), config, tensors })
    }

    /// The model, its numbers of type `dtype`, without a head for pairs.
    ///
    /// # Errors
    /// If it has another head or none, or a tensor is missing, left over or of another shape; names it.
    pub fn model(self, dtype: DType, device: &Device) -> Result<PreTraining> {
        let Self { name, mut config, mut tensors } = self;
        if let Some(head) = OTHERS.into_iter().find(|&head| tensors.contains_key(head)) {
            bail!(
                "{name}: a fine-tuned model ({head}), without the heads of pretraining: name the model it was made from, or \
                 look at this one with sibert evaluate"
            );
        }
        ensure!(
            tensors.contains_key(HEAD),
            "{name}: it has no head for masked words ({HEAD}), only an encoder: name a checkpoint with one; in Python, \
             AutoModelForMaskedLM saves it"
        );
        config.next_sentence_prediction = false;
        tensors.retain(|name, _| !PAIRS.iter().any(|part| name.starts_with(part)));
        PreTraining::load(&config, tensors, dtype, device).with_context(|| name)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use sibert_model::ModelType;

    use super::*;

    fn config(tie: Option<bool>) -> ModelConfig {
        let tiny = ModelConfig::preset(ModelType::Bert, "tiny").unwrap();
        let small = ModelConfig { num_hidden_layers: 1, hidden_size: 8, intermediate_size: 16, ..tiny };
        ModelConfig { vocab_size: 11, max_position_embeddings: 16, tie_word_embeddings: tie, ..small }
    }

    /// The names that transformers' `BertForPreTraining` saves.
    fn for_pretraining(tie: Option<bool>) -> MaskedLm {
        let config = ModelConfig { next_sentence_prediction: true, ..config(tie) };
        let model = PreTraining::new(&config, 3, DType::F32, &Device::Cpu).unwrap();
        let tensors = model.parameters().into_iter().map(|(name, var)| (name, var.as_detached_tensor()));
        let config = ModelConfig { next_sentence_prediction: false, ..config };
        MaskedLm { name: "o/m".into(), config, tensors: tensors.collect() }
    }

    fn opened(model: MaskedLm) -> Result<PreTraining> {
        model.model(DType::F32, &Device::Cpu)
    }

    fn error(model: MaskedLm) -> String {
        format!("{:#}", opened(model).err().unwrap())
    }

    #[test]
    fn a_checkpoint_with_a_head_for_pairs_loads_without_it() {
        for tie in [None, Some(true), Some(false)] {
            let saved = for_pretraining(tie);
            assert!(saved.tensors.contains_key("cls.seq_relationship.weight"));
            let model = opened(saved).unwrap();
            assert!(!model.config().next_sentence_prediction, "{tie:?}");
            assert!(model.parameters().iter().all(|(name, _)| !name.contains("pooler")));
        }
    }

    #[test]
    fn models_without_the_head_are_refused_with_what_they_are() {
        let mut encoder = for_pretraining(None);
        encoder.tensors.retain(|name, _| !name.starts_with("cls."));
        assert!(error(encoder.clone()).contains("no head for masked words"));
        encoder
            .tensors
            .insert("classifier.weight".into(), Tensor::zeros((2, 8), DType::F32, &Device::Cpu).unwrap());
        assert!(error(encoder).starts_with("o/m: a fine-tuned model (classifier.weight)"));
        let mut untied = for_pretraining(Some(false));
        untied.tensors.remove("cls.predictions.decoder.weight");
        assert!(error(untied).contains("cls.predictions.decoder.weight"));
    }
}
