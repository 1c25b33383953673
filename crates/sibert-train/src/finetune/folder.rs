//! The folders of a fine-tuning run.
//!
//! ```text
//! OUT/config.json  model.safetensors  tokenizer.json  tokenizer_config.json  README.md    the best seed's model
//! OUT/manifest.json           size and SHA-256 of these files, but not of the card
//! OUT/finetune.json           settings, the figures of every seed, median, mean, deviation, interval
//! OUT/settings.json           what --resume compares
//! OUT/seed-0/metrics.jsonl    losses and figures over time
//! OUT/seed-0/outcomes.json    what the best checkpoint said to each example of the development sets
//! OUT/seed-0/model/           the best checkpoint, as a Hugging Face folder
//! OUT/seed-0/result.json      written last: the seed is done
//! OUT/seed-0/checkpoint-N/    while it is not
//! ```

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sibert_files::durable;
use sibert_files::sealed;

use super::state::SeedResult;
use crate::answers::Outcome;
use crate::checkpoint::{self, MODEL_MANIFEST};
use crate::console::{note, note_once};

/// Written last: the seed is done.
const RESULT: &str = "result.json";

/// The answers of a checkpoint to each example of each development set: `outcomes.json`.
#[derive(Serialize, Deserialize)]
struct Outcomes<'a> {
    sets: Cow<'a, [Outcome]>,
}

/// The folder of a seed.
pub struct SeedFolder(PathBuf);

impl SeedFolder {
    /// `OUT/seed-S`.
    pub fn of(out: &Path, seed: u64) -> Self {
        Self(out.join(format!("seed-{seed}")))
    }

    /// The seeds in a run's folder that are done.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn done(out: &Path) -> Result<Vec<u64>> {
        let unreadable = || format!("cannot read {}", out.display());
        let mut seeds = Vec::new();
        for entry in fs::read_dir(out).with_context(unreadable)? {
            let name = entry.with_context(unreadable)?.file_name();
            seeds.extend(name.to_str().and_then(|name| name.strip_prefix("seed-")?.parse::<u64>().ok()));
        }
        seeds.retain(|seed| Self::of(out, *seed).0.join(RESULT).exists());
        Ok(seeds)
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
    /// If the file is there but cannot be understood, or was changed.
    pub fn result(&self) -> Result<Option<SeedResult>> {
        let path = self.0.join(RESULT);
        path.exists().then(|| sealed::read(&path, &self.again(), note_once)).transpose()
    }

    /// The remedy when a file of a seed that is done is damaged.
    fn again(&self) -> String {
        format!("delete {} to train the seed again with --resume", self.0.display())
    }

    /// The newest intact checkpoint, with a line for each that is not; none if none was saved.
    ///
    /// # Errors
    /// If no checkpoint is intact.
    pub fn newest(&self) -> Result<Option<PathBuf>> {
        if !checkpoint::any(&self.0)? {
            return Ok(None);
        }
        let found = checkpoint::newest_valid(&self.0)?;
        for (path, reason) in &found.skipped {
            note(format!("skipped {}: {reason}", path.display()));
        }
        note(format!("resuming from {}", found.path.display()));
        Ok(Some(found.path))
    }

    /// Keeps what a checkpoint said to the development sets.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_outcomes(&self, outcomes: &[Outcome]) -> Result<()> {
        sealed::write(&self.0.join("outcomes.json"), &Outcomes { sets: outcomes.into() })
    }

    /// The answers of the best checkpoint.
    ///
    /// # Errors
    /// If the file is missing, cannot be understood or was changed.
    pub fn outcomes(&self) -> Result<Vec<Outcome>> {
        let outcomes: Outcomes = sealed::read(&self.0.join("outcomes.json"), &self.again(), note_once)?;
        Ok(outcomes.sets.into_owned())
    }

    /// Keeps the model of the checkpoint of `step`, then the result, then drops the checkpoints: killed at any moment,
    /// the seed is done or can be gone on with.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn finish(&self, step: usize, result: &SeedResult) -> Result<()> {
        publish(&checkpoint::path_of(&self.0, step), &self.model()).with_context(|| self.again())?;
        sealed::write(&self.0.join(RESULT), result)?;
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
/// Its manifest goes first and comes last: killed in between, the folder holds a model that is not checked.
///
/// # Errors
/// Names the file that is damaged or cannot be written.
pub fn publish(from: &Path, to: &Path) -> Result<()> {
    let manifest = checkpoint::checked_manifest(from)?;
    fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    let _ = fs::remove_file(to.join(MODEL_MANIFEST)); // of another model, if there is one
    for name in manifest.names() {
        let (source, target) = (from.join(name), to.join(name));
        let unfinished = durable::unfinished(&target);
        let _ = fs::remove_file(&unfinished); // of a killed run
        if fs::hard_link(&source, &unfinished).is_err() {
            fs::copy(&source, &unfinished)
                .and_then(|_| fs::File::open(&unfinished)?.sync_all())
                .with_context(|| format!("cannot copy {} to {}", source.display(), target.display()))?;
        }
        durable::publish(&unfinished, &target)?;
        let _ = fs::remove_file(&unfinished); // still there if both were links to one file: then nothing is renamed
    }
    durable::replace(&to.join(MODEL_MANIFEST), &manifest.to_json()?)?;
    Ok(())
}
