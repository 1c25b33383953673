//! A model as every command opens it: configuration, weights and tokenizer, from a folder or from the hub.
//!
//! Only safetensors are read, and only the files that are needed; whatever is unfit is refused with the name of the
//! file, what was found in it and the remedy.

mod config;
mod index;
mod masked_lm;
mod refusal;
mod tensors;
mod told;
mod vocabulary;
mod weights;

use std::collections::HashMap;

use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use serde_json::Value;
use sibert_data::task::{Labels, Task};
use sibert_data::tokenizer::Opened;
use sibert_hub::Hub;
use sibert_model::{HeadKind, ModelConfig, PreTraining};
use tokenizers::Tokenizer;

use crate::model_folder;
use weights::{Weights, ensure_layers};

pub use masked_lm::MaskedLm;

/// Key of `config.json` with a task of one's own.
pub const TASK: &str = "task";

/// The shape of the model that `model` names.
///
/// # Errors
/// As [`Pretrained::open`], of its `config.json` alone.
pub fn shape(model: &str) -> Result<ModelConfig> {
    Ok(config::read(&model_folder::find(model, crate::hub::open)?)?.0)
}

/// A model that was trained before, whole.
pub struct Pretrained {
    /// A folder or a model on the hub, as the user named it.
    pub name: String,
    /// The commit on the hub.
    pub revision: Option<String>,
    /// Its shape.
    pub config: ModelConfig,
    /// All of `config.json`.
    pub config_json: Value,
    /// Parameters by their names in the checkpoint: f32, on the device, finite.
    pub tensors: HashMap<String, Tensor>,
    /// Neither truncates nor pads.
    pub tokenizer: Tokenizer,
    /// Text of `tokenizer_config.json`, where there is one.
    pub tokenizer_config_json: Option<String>,
}

impl Pretrained {
    /// Opens the model that `model` names.
    ///
    /// An existing folder comes first: of a model, or of a run, then its newest intact checkpoint. Else `model` is a
    /// model on the hub, `OWNER/NAME[@REVISION]` or `hf://OWNER/NAME[@REVISION][/FOLDER]`.
    ///
    /// # Errors
    /// If it is neither, or a file is missing, damaged or of a kind that is not supported; names it and the remedy.
    pub fn open(model: &str, device: &Device) -> Result<Self> {
        Self::open_with(model, device, crate::hub::open)
    }

    fn open_with(model: &str, device: &Device, hub: impl FnOnce() -> Result<Hub>) -> Result<Self> {
        let place = model_folder::find(model, hub)?;
        let (config, config_json) = config::read(&place)?;
        let weights = Weights::find(&place, &config_json)?; // before anything large is fetched
        let tensors = weights.load(&place, device)?;
        ensure_layers(model, config.num_hidden_layers, &tensors)?;
        let Opened { tokenizer, config_json: tokenizer_config_json } =
            vocabulary::read(&place, config.vocab_size)?;
        Ok(Self {
            name: model.to_owned(),
            revision: place.revision().map(str::to_owned),
            tensors,
            config,
            config_json,
            tokenizer,
            tokenizer_config_json,
        })
    }

    /// The encoder with its head for masked words, its numbers of another type.
    ///
    /// # Errors
    /// As [`MaskedLm::model`].
    pub fn masked_lm(self, dtype: DType, device: &Device) -> Result<PreTraining> {
        MaskedLm { name: self.name, config: self.config, tensors: self.tensors }.model(dtype, device)
    }

    /// The task that it was fine-tuned for: a file of one's own under `task` of `config.json`, or a known one that it names
    /// under `finetuning_task`.
    pub fn task(&self) -> Option<Task> {
        if let Some(own) = self.config_json.get(TASK).and_then(|own| serde_json::from_value(own.clone()).ok())
        {
            return Some(own);
        }
        let name = self.config_json.get("finetuning_task")?.as_str()?.trim().to_ascii_lowercase();
        let of_glue = || name.strip_prefix("glue")?.parse().ok(); // `glue/mrpc`
        name.parse().ok().or_else(of_glue)
    }

    /// Whether it has the weight of such a head.
    pub fn has_head(&self, head: HeadKind) -> bool {
        let (name, rows) = (format!("{}.weight", head.root()), head.outputs());
        self.tensors.get(&name).is_some_and(|weight| weight.dims().first() == Some(&rows))
    }

    /// The names of its classes, if `config.json` has them.
    ///
    /// # Errors
    /// If they are not under 0, 1, 2, …
    pub fn label_names(&self) -> Result<Option<Vec<String>>> {
        Labels::names_in(&self.config_json)
    }
}

#[cfg(test)]
pub mod fixture;
#[cfg(test)]
mod tests;
