//! Reading checkpoints to resume from; a model alone is opened by [`crate::pretrained`].

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use candle_core::{Device, Tensor};
use sibert_files::bounded;

use super::{CONFIG, MODEL, OPTIMIZER, RUN, STATE, State, TOKENIZER, TrainingState};

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
    let state = read(path, STATE)?;
    Ok(Loaded {
        config_json: read(path, CONFIG)?,
        model: tensors(&path.join(MODEL), device)?,
        optimizer: tensors(&path.join(OPTIMIZER), device)?,
        state: serde_json::from_str(&state).with_context(|| format!("{}", path.join(STATE).display()))?,
        tokenizer_json: path.join(TOKENIZER),
        run_toml: read(path, RUN)?,
    })
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
}
