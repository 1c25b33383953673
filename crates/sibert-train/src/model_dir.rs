//! A trained model in a folder: config.json, model.safetensors, tokenizer.json.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device};
use sibert_model::{ModelConfig, PreTraining};
use tokenizers::Tokenizer;

use crate::checkpoint;
use crate::console::note;
use crate::data::tokenizer;

/// A model and the tokenizer that it was trained with.
pub struct ModelDir {
    /// The model, on the device asked for.
    pub model: PreTraining,
    /// Absent if the folder has no tokenizer.
    pub tokenizer: Option<Tokenizer>,
}

impl ModelDir {
    /// Opens a folder of a model, or the newest intact checkpoint of a run's folder.
    ///
    /// # Errors
    /// If a file is missing or damaged, or a tensor does not fit the configuration; names it.
    pub fn open(path: &Path, dtype: DType, device: &Device) -> Result<Self> {
        let found = checkpoint::resolve_model_dir(path)?;
        for (path, reason) in &found.skipped {
            note(format!("skipped {}: {reason}", path.display()));
        }
        let folder = || found.path.display().to_string();
        let files = checkpoint::load_model(&found.path, device)?;
        let config = ModelConfig::from_json(&files.config_json)
            .with_context(|| format!("{}/config.json", folder()))?;
        let head = ["classifier.weight", "qa_outputs.weight"]
            .into_iter()
            .find(|&name| files.model.contains_key(name));
        ensure!(
            head.is_none(),
            "{}: a fine-tuned model ({}), without the heads of pretraining: name the model it was made from, or look at \
             this one with sibert evaluate",
            folder(),
            head.unwrap_or_default()
        );
        let model = PreTraining::load(&config, files.model, dtype, device).with_context(folder)?;
        let tokenizer = files.tokenizer_json.map(|path| tokenizer::load(&path)).transpose()?;
        Ok(Self { model, tokenizer })
    }
}
