//! From a run's settings to a model, its data and its optimizers, new or as a checkpoint left them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use candle_core::{Device, Var};
use sibert_data::{Corpus, tokenizer};
use sibert_model::{ModelConfig, PreTraining};
use tokenizers::Tokenizer;

use super::Training;
use super::ahead::Ahead;
use crate::batch::DTYPE;
use crate::bf16;
use crate::checkpoint::{self, Loaded, TrainingState};
use crate::config::RunConfig;
use crate::console::note;
use crate::corpus;
use crate::log::{MetricsLog, Summary};
use crate::memory::{self, Room};
use crate::pretrained::Pretrained;
use crate::run::Run;
use crate::team::Team;
use crate::tensorboard::Events;
use crate::update::Update;

/// Share of unknown words, in percent, from which it is worth a line.
const MANY_UNKNOWN: f64 = 0.1;

impl<'a> Training<'a> {
    /// Everything up to the first step.
    ///
    /// # Errors
    /// If the text, the tokenizer or the checkpoint cannot be read or do not fit the settings.
    pub fn prepare(run: &'a mut Run<'a>) -> Result<Self> {
        let Run { config, device, team, .. } = &*run;
        let resumed = if run.resume { newest_checkpoint(config, device, team)? } else { None };
        let start = config.init.as_deref().filter(|_| resumed.is_none());
        let start = team.in_turn(|| start.map(|name| Pretrained::open(name, device)).transpose())?;
        let open = if team.is_first() { corpus::of_run } else { corpus::of_team };
        let shards = team.in_turn(|| open(config, resumed.as_ref()))?;
        let corpus = team.agree(Corpus::open(&shards, &corpus::data_settings(config)))?;
        team.ensure_same("the texts", corpus.sha256.as_bytes())?;
        if let Some(checkpoint) = &resumed {
            ensure_same_tokenizer(checkpoint, &corpus.tokenizer)?;
        }
        if let Some(epochs) = run.config.epochs.take() {
            run.config.max_steps = steps_of(epochs, &corpus, &run.config);
        }
        let Run { config, device, team, .. } = &*run;
        let vocab_size = match (&start, &resumed) {
            (Some(start), _) => start.config.vocab_size,
            (_, Some(saved)) if config.init.is_some() => {
                ModelConfig::from_json(&saved.config_json)?.vocab_size
            }
            _ => tokenizer::vocab_size(&corpus.tokenizer),
        };
        let model_config = config.model.to_model_config(vocab_size, corpus.special.pad);
        memory::ensure_room(&model_config, 2, memory::machine_bytes())?;
        if config.memory_check && device.is_cpu() {
            let room = Room::here().shared_by(team.on_host());
            let fits = memory::ensure_fits(config, &model_config, &memory::before_training(device), room);
            team.agree(fits)?;
        }
        let (model, update, mut state) = match (resumed, start) {
            (Some(saved), _) => restored(saved, config, &model_config, device)?,
            (None, Some(start)) => continued(start, config, &corpus.tokenizer, device)?,
            (None, None) => {
                let model = PreTraining::new(&model_config, config.seed, DTYPE, device)?;
                initial(model, config)?
            }
        };
        let text = corpus.sha256.clone();
        if state.step > 0 && state.text_sha256 != text {
            note("the text has changed since the checkpoint: the run continues with the new text");
        }
        state.text_sha256 = text;
        let sums = bf16::sums(config.precision, device);
        if state.step > 0 {
            let name = checkpoint::name_of(state.step);
            bf16::note_change(&name, state.bf16_sums.as_deref(), sums.as_deref());
        }
        state.bf16_sums = sums;
        let metrics = match state.step {
            0 => MetricsLog::create(&config.metrics()),
            step => MetricsLog::resume(&config.metrics(), step)?,
        };
        let metrics = metrics.with_events(events(config, &model_config)?);
        run.save_settings()?; // again, now that the steps are known; a resume that is refused leaves the old ones
        describe(&corpus, config);
        let earlier = Summary::read(&config.out).ok().flatten().map(|summary| summary.memory);
        team.first(|| Summary::remove(&config.out))?;
        let parameters = model.parameters();
        team.ensure_same("the parameters", &digest(&parameters)?)?;
        team.patience(Some(Duration::from_secs(config.rank_timeout)));
        Ok(Self {
            config,
            device,
            team,
            corpus,
            model,
            update,
            state,
            metrics,
            ahead: Ahead::default(),
            gradient_bytes: 0,
            peak: None,
            earlier,
        })
    }
}

/// A sum of the bits of all parameters.
pub fn digest(parameters: &[(String, Var)]) -> Result<[u8; 4]> {
    let mut sum = 0;
    for (_, var) in parameters {
        for values in var.flatten_all()?.to_vec1::<f32>()?.chunks(1 << 16) {
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            sum = crc32c::crc32c_append(sum, &bytes);
        }
    }
    Ok(sum.to_le_bytes())
}

/// TensorBoard's events, if they are wanted.
fn events(config: &RunConfig, model_config: &ModelConfig) -> Result<Option<Events>> {
    if !config.tensorboard {
        return Ok(None);
    }
    let args = serde_json::to_value(config).context("the settings")?;
    let model = serde_json::from_str(&model_config.to_json()?)?;
    Ok(Some(Events::new(&config.out, vec![("args", args), ("model_config", model)])))
}

/// A model at step 0, with fresh optimizers.
fn initial(model: PreTraining, config: &RunConfig) -> Result<(PreTraining, Update, TrainingState)> {
    model.scale_encoder(config.init_scale)?;
    let update = Update::new(&model, config)?;
    Ok((model, update, TrainingState { seed: config.seed, ..TrainingState::default() }))
}

/// A model that was trained before at step 0, if the text was cut by its tokenizer.
fn continued(
    start: Pretrained,
    config: &RunConfig,
    tokenizer: &Tokenizer,
    device: &Device,
) -> Result<(PreTraining, Update, TrainingState)> {
    let name = start.name.clone();
    ensure!(
        start.tokenizer.get_vocab(true) == tokenizer.get_vocab(true),
        "the text was prepared with another tokenizer than that of {name}: prepare it with --tokenizer {name}"
    );
    let dropouts = (config.model.hidden_dropout_prob, config.model.attention_probs_dropout_prob);
    let mut start = start;
    (start.config.hidden_dropout_prob, start.config.attention_probs_dropout_prob) = dropouts;
    let model = start.masked_lm(DTYPE, device)?;
    note(format!("continuing {name}: its weights, a fresh optimizer"));
    initial(model, config)
}

/// The steps of so many passes over the text.
pub fn steps_of(epochs: f64, corpus: &Corpus, config: &RunConfig) -> usize {
    let steps = epochs * corpus.train.sequences() as f64 / config.batch_size as f64;
    (steps.ceil() as usize).max(1)
}

/// The model, optimizers and counters of a checkpoint.
fn restored(
    saved: Loaded,
    config: &RunConfig,
    model_config: &ModelConfig,
    device: &Device,
) -> Result<(PreTraining, Update, TrainingState)> {
    let name = checkpoint::name_of(saved.state.step);
    checkpoint::ensure_same_architecture(&name, &saved.config_json, &model_config.to_json()?)?;
    let changes = config.changes_since(&saved.run_toml)?;
    if !changes.is_empty() {
        note(format!("settings changed since {name}: {}", changes.join(", ")));
    }
    let model = PreTraining::load(model_config, saved.model, DTYPE, device).with_context(|| name.clone())?;
    let mut update = Update::new(&model, config)?;
    update.load_state(&saved.optimizer).with_context(|| {
        format!("{name}: the optimizer is not the one it was saved with; start a new run with another --out")
    })?;
    let (step, most) = (saved.state.step, config.max_steps);
    ensure!(step <= most, "max_steps is {most}, but {step} steps are done: name more to go on");
    if step == most {
        note(format!("nothing left to train: {step} steps are done; --max-steps N continues"));
    }
    Ok((model, update, saved.state))
}

/// The newest intact checkpoint, with a line for each one that is not; none if none was ever saved.
fn newest_checkpoint(config: &RunConfig, device: &Device, team: &Team) -> Result<Option<Loaded>> {
    let out: &Path = &config.out;
    let found: Option<PathBuf> = team.first(|| {
        if !checkpoint::any(out)? {
            note(format!("no checkpoint in {} yet: starting at step 0", out.display()));
            return Ok(None);
        }
        let found = checkpoint::newest_valid(out)?;
        for (path, reason) in &found.skipped {
            note(format!("skipped {}: {reason}", path.display()));
        }
        note(format!("resuming from {}", found.path.display()));
        Ok(Some(found.path))
    })?;
    team.agree(found.map(|path| checkpoint::load(&path, device)).transpose())
}

/// The ids of a text mean nothing to a model that was trained with another tokenizer.
fn ensure_same_tokenizer(checkpoint: &Loaded, tokenizer: &Tokenizer) -> Result<()> {
    let text = |tokenizer: &Tokenizer| tokenizer.to_string(false).map_err(anyhow::Error::msg);
    ensure!(
        text(&tokenizer::load(&checkpoint.tokenizer_json)?)? == text(tokenizer)?,
        "{}: the model was trained with another tokenizer than the one that prepared the text: name the shards or \
         sources that it began with, or start a new run with another --out",
        checkpoint::name_of(checkpoint.state.step)
    );
    Ok(())
}

/// `228709 tokens in 3768 sequences to train on, 200 sequences held out, vocabulary 1628, 6.8 epochs`.
fn describe(corpus: &Corpus, config: &RunConfig) {
    let counts = corpus.counts;
    let epochs = corpus.train.epochs(config.max_steps as u64);
    let epochs: Vec<String> = epochs.iter().map(|epochs| format!("{epochs:.1}")).collect();
    note(format!(
        "{} tokens in {} sequences to train on, {} sequences held out, vocabulary {}, {} epochs",
        counts.tokens,
        corpus.train.sequences(),
        corpus.held_out.len(),
        tokenizer::vocab_size(&corpus.tokenizer),
        epochs.join(", ")
    ));
    let unknown = 100. * counts.unknown as f64 / counts.tokens.max(1) as f64;
    if unknown > MANY_UNKNOWN {
        note(format!("{unknown:.1} % of these tokens are [UNK], words that the vocabulary cannot spell"));
    }
}
