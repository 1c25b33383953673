//! Reading checkpoints, and model folders from elsewhere.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use candle_core::{Device, Tensor};

use super::find::listing;
use super::{CONFIG, MODEL, OPTIMIZER, RUN, STATE, State, TOKENIZER, TrainingState};
use crate::bounded;

/// Weights and configuration: all that a Hugging Face folder must hold.
pub struct Model {
    /// Text of `config.json`.
    pub config_json: String,
    /// Parameters by checkpoint name.
    pub model: HashMap<String, Tensor>,
    /// `tokenizer.json`, where the folder has one.
    pub tokenizer_json: Option<PathBuf>,
}

/// A whole checkpoint, ready to resume from; `S` is the state of its kind of run.
pub struct Loaded<S = TrainingState> {
    /// Text of `config.json`.
    pub config_json: String,
    /// Parameters by checkpoint name.
    pub model: HashMap<String, Tensor>,
    /// Optimizer state by name.
    pub optimizer: HashMap<String, Tensor>,
    /// Step, seed, best evaluation, open metrics.
    pub state: S,
    /// Path of `tokenizer.json`.
    pub tokenizer_json: PathBuf,
    /// The resolved configuration of the run that saved it.
    pub run_toml: String,
}

/// Reads a checkpoint to resume from.
///
/// # Errors
/// Names the file that is missing or does not parse.
pub fn load<S: State>(path: &Path, device: &Device) -> Result<Loaded<S>> {
    let Model { config_json, model, .. } = load_model(path, device)?;
    let state = read(path, STATE)?;
    Ok(Loaded {
        config_json,
        model,
        optimizer: tensors(&path.join(OPTIMIZER), device)?,
        state: serde_json::from_str(&state).with_context(|| format!("{}", path.join(STATE).display()))?,
        tokenizer_json: path.join(TOKENIZER),
        run_toml: read(path, RUN)?,
    })
}

/// Reads configuration and weights of any Hugging Face folder with safetensors.
///
/// # Errors
/// Names what is missing; says what to do where the weights come in another format.
pub fn load_model(path: &Path, device: &Device) -> Result<Model> {
    let config_json = read(path, CONFIG)?;
    ensure_safetensors(path)?;
    let model = tensors(&path.join(MODEL), device)?;
    Ok(Model { config_json, model, tokenizer_json: Some(path.join(TOKENIZER)).filter(|path| path.is_file()) })
}

fn ensure_safetensors(path: &Path) -> Result<()> {
    let has = |name: &str| path.join(name).is_file();
    if has(MODEL) {
        return Ok(());
    }
    let missing = format!("{} is missing", path.join(MODEL).display());
    if has("model.safetensors.index.json") {
        bail!(
            "{missing}: the weights are split into shards, which are not supported; in Python, \
             `AutoModel.from_pretrained(DIR).save_pretrained(NEW, max_shard_size=\"100GB\")` joins them"
        );
    }
    if has("pytorch_model.bin") {
        bail!(
            "{missing}: pytorch_model.bin is a Python pickle, which can run any code when it is read, and is not \
             supported; in Python, `AutoModel.from_pretrained(DIR).save_pretrained(NEW)` converts it"
        );
    }
    bail!("{missing}; found {}", listing(path))
}

fn read(folder: &Path, name: &str) -> Result<String> {
    let path = folder.join(name);
    bounded::text(&path, bounded::CONFIG).with_context(|| format!("cannot read {}", path.display()))
}

fn tensors(path: &Path, device: &Device) -> Result<HashMap<String, Tensor>> {
    candle_core::safetensors::load(path, device).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use super::super::fixture::{save_step, state};
    use super::*;

    #[test]
    fn what_was_saved_is_loaded() {
        let run = tempfile::tempdir().unwrap();
        let loaded: Loaded = load(&save_step(run.path(), 7), &Device::Cpu).unwrap();
        assert_eq!(loaded.state, state(7));
        assert_eq!(loaded.run_toml, "seed = 1\n");
        let weight = &loaded.model["sibert.embeddings.word_embeddings.weight"];
        assert_eq!(weight.to_vec2::<f32>().unwrap(), [[7., 0.5], [-1., 0.]]);
        assert_eq!(loaded.optimizer["lamb.step"].to_scalar::<i64>().unwrap(), 7);
        assert!(loaded.tokenizer_json.is_file());
    }

    #[test]
    fn a_hub_folder_without_training_state_is_a_model() {
        let run = tempfile::tempdir().unwrap();
        let path = save_step(run.path(), 7);
        fs::remove_dir_all(path.join("training_state")).unwrap();
        fs::remove_file(path.join(TOKENIZER)).unwrap();
        let model = load_model(&path, &Device::Cpu).unwrap();
        assert_eq!((model.model.len(), model.tokenizer_json), (2, None));
    }

    #[test]
    fn a_lone_pickle_is_refused_with_a_remedy() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(CONFIG), "{}").unwrap();
        fs::write(dir.path().join("pytorch_model.bin"), "").unwrap();
        let error = load_model(dir.path(), &Device::Cpu).err().unwrap().to_string();
        assert!(error.contains("is a Python pickle") && error.contains("save_pretrained"), "{error}");
    }
}
