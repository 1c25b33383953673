//! `sibert data`: what a text holds, and what the model will see of it.

pub mod gradients;
mod sample;
mod speed;
mod stats;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use sibert_data::Corpus;
use sibert_data::shards::Shards;
use tempfile::TempDir;

use crate::args::{DataArgs, DataView, TextArgs};
use crate::config::RunConfig;
use crate::corpus;
use crate::run;
use crate::signals;

/// A text as `pretrain` would train on it.
struct Opened {
    config: RunConfig,
    shards: Shards,
    corpus: Corpus,
    /// Where the shards lie, if they were made of sources.
    _temporary: Option<TempDir>,
}

/// Shows a text.
///
/// # Errors
/// If it cannot be read, or standard output is closed.
pub fn run(args: &DataArgs) -> Result<()> {
    match &args.view {
        DataView::Stats { text } => stats::print(&open(text)?),
        DataView::Sample { text, count, step } => sample::print(&open(text)?, *count, *step),
        DataView::Bench { text, tokens } => speed::print(&open(text)?, *tokens),
    }
}

fn open(text: &TextArgs) -> Result<Opened> {
    let config = run::text_settings(text)?;
    let temporary = config.shards.is_none().then(temporary_folder).transpose()?;
    let folder = temporary.as_ref().map_or(PathBuf::new(), |folder| folder.path().join("data"));
    let shards = corpus::shards(&config, &folder)?;
    let corpus = Corpus::open(&shards, &corpus::data_settings(&config))?;
    Ok(Opened { config, shards, corpus, _temporary: temporary })
}

/// A folder that goes when the program ends, also by Ctrl-C.
///
/// # Errors
/// If it cannot be made.
pub fn temporary_folder() -> Result<TempDir> {
    let cannot = "cannot make a temporary folder: name another place with TMPDIR";
    let folder = TempDir::with_prefix("sibert-").context(cannot)?;
    let path = folder.path().to_owned();
    let leave = move || {
        let _ = fs::remove_dir_all(&path); // what is left lies in the folder for temporary files
    };
    signals::before_end(leave)?;
    Ok(folder)
}
