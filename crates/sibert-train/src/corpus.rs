//! From the settings of a run to the text that it trains on.

use std::path::Path;

use anyhow::{Context, Result};
use sibert_data::Packing;
use sibert_data::prepare::{self, Existing, Request, TokenizerChoice};
use sibert_data::shards::{Learned, MANIFEST, Preparation, SHARD_TOKENS, Shards};
use sibert_data::{DataSettings, source};
use sibert_hub::reference::is_hub_spec;

use crate::checkpoint::Loaded;
use crate::config::RunConfig;
use crate::console::note;

use crate::hub;
use crate::named_tokenizer;
use crate::prepare::prepare_shown;

/// The shards that the settings name, or those made of their sources in `folder`.
///
/// # Errors
/// If a source, the tokenizer or a shard cannot be read.
pub fn shards(config: &RunConfig, folder: &Path) -> Result<Shards> {
    match &config.shards {
        Some(shards) => Shards::open(shards),
        None => Ok(prepare_shown(&request(config, folder)?)?.shards),
    }
}

/// The shards of a run: those it was started with, if it goes on.
///
/// A run keeps what it made of its sources, so that it can go on with the same text when they have changed or gone.
///
/// # Errors
/// As [`shards`]; or if a run that goes on is to have another text.
pub fn of_run(config: &RunConfig, resumed: Option<&Loaded>) -> Result<Shards> {
    let own = config.own_shards();
    let Some(checkpoint) = resumed.filter(|_| config.shards.is_none()) else { return shards(config, &own) };
    config.ensure_text_of(&checkpoint.run_toml)?;
    kept(config, &own)
}

/// The shards of a run that another process of it has opened or made; made here too if this machine does not see them.
///
/// # Errors
/// As [`of_run`].
pub fn of_team(config: &RunConfig, resumed: Option<&Loaded>) -> Result<Shards> {
    let own = config.own_shards();
    match config.shards.is_none() && own.join(MANIFEST).exists() {
        true => Shards::open(&own),
        false => of_run(config, resumed),
    }
}

/// The shards that were made in a folder, as they are, whatever became of their sources; made again if they are gone or
/// damaged.
///
/// # Errors
/// As [`shards`].
pub fn kept(config: &RunConfig, folder: &Path) -> Result<Shards> {
    if !folder.join(MANIFEST).exists() {
        let remedy = || format!("remove {} to prepare the text of the run again", folder.display());
        return shards(config, folder).with_context(remedy);
    }
    match Shards::open(folder) {
        Ok(shards) => {
            compare(config, folder, &shards);
            Ok(shards)
        }
        Err(_) => shards(config, folder), // says what is damaged, and prepares again
    }
}

/// Says so if the sources of a run are no longer what its shards were made of. The hub is not asked.
fn compare(config: &RunConfig, own: &Path, shards: &Shards) {
    let is_local = |spec: &String| !is_hub_spec(spec);
    let tokenizer = config.tokenizer.as_ref();
    if !config.source.iter().chain(&config.validation).all(is_local)
        || tokenizer.is_some_and(|name| !Path::new(name).exists())
    {
        return;
    }
    match request(config, own).and_then(|now| prepare::differences(&now, shards.manifest())) {
        Ok(differences) if differences.is_empty() => {}
        Ok(differences) => note(format!(
            "the text has changed since the run began: it continues with the text as it was ({})",
            differences.join("; ")
        )),
        Err(error) => note(format!("continuing with the text as it was, in {}: {error:#}", own.display())),
    }
}

/// The request to prepare the sources of a run in `folder`.
fn request(config: &RunConfig, folder: &Path) -> Result<Request> {
    let sources = match config.source.as_slice() {
        [] => vec![source::built_in(config.seed, config.sentences)],
        specs => source::resolve(specs, &hub::open, &note)?,
    };
    let validation = source::resolve(&config.validation, &hub::open, &note)?;
    let RunConfig { vocab_size, lowercase, .. } = *config;
    let tokenizer = match &config.tokenizer {
        Some(reference) => TokenizerChoice::Given(Box::new(named_tokenizer::load(reference)?)),
        None => TokenizerChoice::Learn(Learned { vocab_size, lowercase }),
    };
    let preparation = Preparation {
        documents: config.documents,
        field: config.field.clone(),
        column: config.column.clone(),
        skip_bad: config.skip_bad,
        held_out: config.held_out,
        sentences: config.packing == Packing::SentencePairs,
        shard_tokens: SHARD_TOKENS,
    };
    Ok(Request {
        sources,
        validation,
        weights: config.weights.clone(),
        tokenizer,
        preparation,
        out: folder.to_owned(),
        existing: Existing::Renew,
    })
}

/// How the shards of a run become batches.
pub fn data_settings(config: &RunConfig) -> DataSettings {
    DataSettings {
        seq_len: config.seq_len,
        batch_size: config.batch_size,
        packing: config.packing,
        masking: config.masking(),
        weights: (!config.weights.is_empty()).then(|| config.weights.clone()),
        seed: config.seed,
    }
}
