//! The text of a sweep: prepared once where all runs have the same.

use std::path::{Path, absolute};

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sibert_data::Packing;
use sibert_data::source::DocumentSplit;

use super::grid::SweptRun;
use crate::config::RunConfig;
use crate::corpus;

/// The folder of the shards, in that of the sweep.
const DATA: &str = "data";

/// Settings that decide the text of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Text {
    source: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    validation: Vec<String>,
    weights: Vec<f64>,
    documents: DocumentSplit,
    field: String,
    column: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    skip_bad: bool,
    tokenizer: Option<String>,
    vocab_size: usize,
    lowercase: bool,
    held_out: f64,
    sentence_pairs: bool,
    /// Of the built-in corpus.
    sentences: usize,
    /// Of the built-in corpus; that of the first run, so that all seeds train on one text.
    seed: u64,
}

impl Text {
    /// The text of all runs, if they have the same and are to prepare it.
    pub fn shared(runs: &[SweptRun]) -> Option<Self> {
        let first = &runs.first()?.config;
        let text = Self::of(first, first.seed);
        let same = |run: &SweptRun| run.config.shards.is_none() && Self::of(&run.config, first.seed) == text;
        runs.iter().all(same).then_some(text)
    }

    fn of(config: &RunConfig, seed: u64) -> Self {
        let RunConfig { source, validation, weights, field, column, tokenizer, .. } = config.clone();
        Self {
            source,
            validation,
            weights,
            documents: config.documents,
            field,
            column,
            skip_bad: config.skip_bad,
            tokenizer,
            vocab_size: config.vocab_size,
            lowercase: config.lowercase,
            held_out: config.held_out,
            sentence_pairs: config.packing == Packing::SentencePairs,
            sentences: config.sentences,
            seed,
        }
    }

    /// Lets a run take what is prepared in the folder of the sweep, in place of its sources.
    pub fn give(&self, config: &mut RunConfig, sweep: &Path) {
        let shards = sweep.join(DATA);
        config.shards = Some(absolute(&shards).unwrap_or(shards));
        (config.source, config.validation) = (Vec::new(), Vec::new());
        (config.weights, config.tokenizer) = (Vec::new(), None);
    }

    /// Prepares the text, or finds it as it was prepared for the runs that `began`.
    ///
    /// # Errors
    /// If a source, the tokenizer or a shard cannot be read.
    pub fn prepare(&self, sweep: &Path, began: bool) -> Result<()> {
        let folder = sweep.join(DATA);
        let prepare = if began { corpus::kept } else { corpus::shards };
        prepare(&self.config(), &folder).map(drop)
    }

    /// Keeps the text that the runs of a folder began with; refuses another one than `self`, seed aside.
    ///
    /// # Errors
    /// Names what differs.
    pub fn keep(&mut self, earlier: &Self, sweep: &Path) -> Result<()> {
        self.seed = earlier.seed;
        let [earlier, now] = [serde_json::to_value(earlier)?, serde_json::to_value(self)?];
        let keys = |settings: &Value| {
            settings.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect()
        };
        let (mut keys, others): (Vec<String>, Vec<String>) = (keys(&now), keys(&earlier));
        keys.extend(others.into_iter().filter(|key| now.get(key).is_none()));
        let changed = keys.iter().map(String::as_str).filter(|key| earlier[*key] != now[*key]);
        let changes: Vec<String> =
            changed.map(|key| format!("{key} {} → {}", earlier[key], now[key])).collect();
        ensure!(
            changes.is_empty(),
            "{} holds runs on another text ({}): choose another --out",
            sweep.display(),
            changes.join(", ")
        );
        Ok(())
    }

    fn config(&self) -> RunConfig {
        let packing = if self.sentence_pairs { Packing::SentencePairs } else { Packing::FullSentences };
        RunConfig {
            source: self.source.clone(),
            validation: self.validation.clone(),
            weights: self.weights.clone(),
            documents: self.documents,
            field: self.field.clone(),
            column: self.column.clone(),
            skip_bad: self.skip_bad,
            tokenizer: self.tokenizer.clone(),
            vocab_size: self.vocab_size,
            lowercase: self.lowercase,
            held_out: self.held_out,
            packing,
            sentences: self.sentences,
            seed: self.seed,
            ..RunConfig::default()
        }
    }
}
