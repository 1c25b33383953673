//! The folders of a fine-tuning run.
//!
//! ```text
//! OUT/config.json  model.safetensors  tokenizer.json  tokenizer_config.json  README.md    the best seed's model
//! OUT/finetune.json           settings, the figures of every seed, median, mean, deviation, interval
//! OUT/settings.json           what --resume compares
//! OUT/seed-0/metrics.jsonl    losses and figures over time
//! OUT/seed-0/outcomes.json    what the best checkpoint said to each example of the development sets
//! OUT/seed-0/model/           the best checkpoint, as a Hugging Face folder
//! OUT/seed-0/result.json      written last: the seed is done
//! OUT/seed-0/checkpoint-N/    while it is not
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use candle_core::Device;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::state::{SeedResult, State};
use crate::checkpoint::{self, Loaded};
use crate::console::note;
use crate::durable;
use crate::tuned::Outcome;

/// The files that make a model.
const MODEL_FILES: [&str; 4] =
    ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"];

/// The folder of a seed.
pub struct SeedFolder(PathBuf);

impl SeedFolder {
    /// `OUT/seed-S`.
    pub fn of(out: &Path, seed: u64) -> Self {
        Self(out.join(format!("seed-{seed}")))
    }

    /// Makes the folder.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn create(&self) -> Result<()> {
        fs::create_dir_all(&self.0).with_context(|| format!("cannot create {}", self.0.display()))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Its `metrics.jsonl`.
    pub fn metrics(&self) -> PathBuf {
        self.0.join("metrics.jsonl")
    }

    /// The seed's best model.
    pub fn model(&self) -> PathBuf {
        self.0.join("model")
    }

    /// The result, if the seed is done.
    ///
    /// # Errors
    /// If the file is there but cannot be understood.
    pub fn result(&self) -> Result<Option<SeedResult>> {
        let path = self.0.join("result.json");
        path.exists().then(|| read_json(&path)).transpose()
    }

    /// The newest intact checkpoint, with a line for each that is not; none if none was saved.
    ///
    /// # Errors
    /// If no checkpoint is intact, or it cannot be read.
    pub fn newest(&self, device: &Device) -> Result<Option<Loaded<State>>> {
        if !checkpoint::any(&self.0)? {
            return Ok(None);
        }
        let found = checkpoint::newest_valid(&self.0)?;
        for (path, reason) in &found.skipped {
            note(format!("skipped {}: {reason}", path.display()));
        }
        note(format!("resuming from {}", found.path.display()));
        checkpoint::load(&found.path, device).map(Some)
    }

    /// Keeps what a checkpoint said to the development sets.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_outcomes(&self, outcomes: &[Outcome]) -> Result<()> {
        write_json(&self.0.join("outcomes.json"), &outcomes)
    }

    /// What the best checkpoint said.
    ///
    /// # Errors
    /// If the file is missing or cannot be understood.
    pub fn outcomes(&self) -> Result<Vec<Outcome>> {
        read_json(&self.0.join("outcomes.json"))
    }

    /// Keeps the model of the checkpoint of `step`, then the result, then drops the checkpoints: killed at any moment,
    /// the seed is done or can be gone on with.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn finish(&self, step: usize, result: &SeedResult) -> Result<()> {
        publish(&checkpoint::path_of(&self.0, step), &self.model())?;
        write_json(&self.0.join("result.json"), result)?;
        self.drop_checkpoints()
    }

    /// Removes the checkpoints of a seed that is done.
    ///
    /// # Errors
    /// If one cannot be removed.
    pub fn drop_checkpoints(&self) -> Result<()> {
        checkpoint::remove_all(&self.0)
    }
}

/// Gives `to` the model's files of the folder `from`, each whole or not at all; without a copy where links work.
///
/// # Errors
/// Names the file that cannot be written.
pub fn publish(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    for name in MODEL_FILES {
        let (source, target) = (from.join(name), to.join(name));
        let unfinished = durable::unfinished(&target);
        let _ = fs::remove_file(&unfinished); // of a killed run
        if fs::hard_link(&source, &unfinished).is_err() {
            fs::copy(&source, &unfinished)
                .and_then(|_| fs::File::open(&unfinished)?.sync_all())
                .with_context(|| format!("cannot copy {} to {}", source.display(), target.display()))?;
        }
        durable::publish(&unfinished, &target)?;
    }
    Ok(())
}

/// Writes a value as JSON, whole or not at all.
///
/// # Errors
/// Names the file.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    durable::replace(path, &(serde_json::to_string_pretty(value)? + "\n"))?;
    Ok(())
}

/// Reads what [`write_json`] wrote.
///
/// # Errors
/// Names the file.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{}", path.display()))
}
