//! Checkpoints: a Hugging Face folder plus what an exact resume needs.
//!
//! ```text
//! OUT/checkpoint-000500/config.json  model.safetensors  tokenizer.json  tokenizer_config.json  (SIBERT) *.py
//!     training_state/optimizer.safetensors  state.json  run.toml  manifest.json
//! ```
//! A checkpoint is built in a hidden sibling folder, flushed to the disk and renamed: whenever the program is
//! killed, a reader finds the old checkpoint or the new one, complete. The manifest holds a SHA-256 of every file.

mod architecture;
mod find;
mod load;
mod manifest;
mod prune;
mod save;

pub use architecture::ensure_same_architecture;
pub use find::{any, newest_valid, resolve_model_dir};
pub use load::{Loaded, load};
pub use manifest::{OF_MODEL as MODEL_MANIFEST, checked_manifest};
pub use prune::{prune, remove_all};
pub use save::{Snapshot, save, tidy};

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::log::{Trajectory, Window};

const CONFIG: &str = "config.json";
const MODEL: &str = "model.safetensors";
const TOKENIZER: &str = "tokenizer.json";
const TOKENIZER_CONFIG: &str = sibert_data::tokenizer::TOKENIZER_CONFIG;
const OPTIMIZER: &str = "training_state/optimizer.safetensors";
const STATE: &str = "training_state/state.json";
const RUN: &str = "training_state/run.toml";
const MANIFEST: &str = "training_state/manifest.json";

/// The files that make a model.
pub const MODEL_FILES: [&str; 4] = [CONFIG, TOKENIZER, TOKENIZER_CONFIG, MODEL];

/// Everything beside tensors that a resumed run continues from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainingState {
    /// Optimizer steps done.
    pub step: usize,
    /// Seed of the run; order, masks and dropout follow from it and the step.
    pub seed: u64,
    /// Digest of the packed text, training and held-out.
    pub text_sha256: String,
    /// The evaluation with the lowest held-out loss so far.
    pub best: Option<Best>,
    /// Sums since the last line of `metrics.jsonl`.
    pub window: Window,
    /// The encoder's way to its equilibrium; checkpoints of earlier versions do not know it.
    #[serde(default)]
    pub trajectory: Trajectory,
    /// The sums of the last steps' products, if they were in bfloat16; see [`crate::bf16::sums`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bf16_sums: Option<String>,
    /// Tokens read since step 0.
    pub tokens_seen: u64,
    /// Time spent training since step 0, over all resumed parts.
    pub elapsed_seconds: f64,
}

/// The state that a run continues from beside tensors: `state.json`.
pub trait State: Serialize + DeserializeOwned + PartialEq {}

impl<S: Serialize + DeserializeOwned + PartialEq> State for S {}

/// The step with the lowest held-out loss, and that loss.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Step of the evaluation.
    pub step: usize,
    /// Mean cross-entropy of the held-out masked words.
    pub loss: f64,
}

/// `OUT/checkpoint-000500` for step 500.
pub fn path_of(run_dir: &Path, step: usize) -> PathBuf {
    run_dir.join(name_of(step))
}

/// `checkpoint-000500` for step 500.
pub fn name_of(step: usize) -> String {
    format!("checkpoint-{step:06}")
}

/// A hidden folder beside the checkpoint: `tmp` being built, `old` being replaced, `del` being deleted.
fn hidden(run_dir: &Path, step: usize, suffix: &str) -> PathBuf {
    run_dir.join(format!(".{}.{suffix}", name_of(step)))
}

/// The step in `checkpoint-000500`.
pub fn step_of(name: &str) -> Option<usize> {
    let digits = name.strip_prefix("checkpoint-")?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// The step and suffix in `.checkpoint-000500.tmp`.
fn hidden_step_of(name: &str) -> Option<(usize, &str)> {
    let (name, suffix) = name.strip_prefix('.')?.rsplit_once('.')?;
    Some((step_of(name)?, suffix)).filter(|(_, suffix)| ["tmp", "old", "del"].contains(suffix))
}

/// Names of the folders in `run_dir`; empty where the folder does not exist.
fn folders(run_dir: &Path) -> Result<Vec<String>> {
    if !run_dir.exists() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in std::fs::read_dir(run_dir).with_context(|| format!("cannot read {}", run_dir.display()))? {
        let entry = entry.with_context(|| format!("cannot read {}", run_dir.display()))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            names.extend(entry.file_name().into_string().ok());
        }
    }
    names.sort();
    Ok(names)
}

/// Steps that have a checkpoint folder, ascending; nothing is said about their contents.
fn steps(run_dir: &Path) -> Result<Vec<usize>> {
    let mut steps: Vec<usize> = folders(run_dir)?.iter().filter_map(|name| step_of(name)).collect();
    steps.sort_unstable();
    Ok(steps)
}

#[cfg(test)]
mod fixture;
