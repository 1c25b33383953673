//! `sibert pretrain`: masked-language-model pretraining.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use candle_core::backprop::GradStore;
use candle_core::{Device, Var};
use sibert_model::{Mode, PreTraining, random};

use crate::batch::{self, DTYPE};
use crate::checkpoint::{self, Best, Snapshot, TrainingState};
use crate::config::RunConfig;
use crate::data::batches::TrainBatches;
use crate::data::guess::FrequencyGuess;
use crate::data::source::{self, Document};
use crate::data::{Corpus, DataSettings, builtin, tokenizer};
use crate::fill_mask;
use crate::log::{Evaluation, MetricsLog, Progress, StepMetrics};
use crate::plot;
use crate::run::Run;
use crate::signals::Stop;
use crate::update::Update;

/// Trains a model from text to its last checkpoint, or on from an earlier one.
///
/// # Errors
/// If the text, the settings or the checkpoint are unfit, a loss or gradient is not finite, or the disk fails; each
/// message names what to look at, and earlier checkpoints stay intact.
pub fn run(run: &Run) -> Result<()> {
    let stop = Stop::install()?;
    let mut training = Training::prepare(run)?;
    let finished = training.train(&stop)?;
    if finished { training.summarise() } else { Ok(()) }
}

/// Everything that a run changes or reads again at each step.
struct Training<'a> {
    config: &'a RunConfig,
    device: &'a Device,
    corpus: Corpus,
    model: PreTraining,
    update: Update,
    state: TrainingState,
    metrics: MetricsLog,
}

impl<'a> Training<'a> {
    fn prepare(run: &'a Run) -> Result<Self> {
        let Run { config, device, .. } = run;
        let resumed = if run.resume { newest_checkpoint(&config.out, device)? } else { None };
        let given = match (&resumed, &config.tokenizer) {
            (Some(checkpoint), _) => Some(tokenizer::load(&checkpoint.tokenizer_json)?),
            (None, Some(path)) => Some(tokenizer::load(path)?),
            (None, None) => None,
        };
        let corpus = Corpus::prepare(documents(config)?, given, &data_settings(config))?;
        let vocab_size = tokenizer::vocab_size(&corpus.tokenizer);
        let pad = corpus.train.sequences().special().pad;
        let model_config = config.model.to_model_config(vocab_size, pad);
        eprintln!("{}", describe(&corpus, config));
        let log_path = config.out.join("metrics.jsonl");
        let (model, update, state, metrics) = match resumed {
            None => {
                let model = PreTraining::new(&model_config, config.seed, DTYPE, device)?;
                model.scale_encoder(config.init_scale)?;
                let update = Update::new(&model, config)?;
                let state = TrainingState { seed: config.seed, ..TrainingState::default() };
                (model, update, state, MetricsLog::create(&log_path))
            }
            Some(saved) => {
                let name = format!("checkpoint-{:06}", saved.state.step);
                checkpoint::ensure_same_architecture(&name, &saved.config_json, &model_config.to_json()?)?;
                let model = PreTraining::load(&model_config, saved.model, DTYPE, device).context(name)?;
                let mut update = Update::new(&model, config)?;
                update.load_state(&saved.optimizer)?;
                let metrics = MetricsLog::resume(&log_path, saved.state.step)?;
                (model, update, saved.state, metrics)
            }
        };
        Ok(Self { config, device, corpus, model, update, state, metrics })
    }

    /// The loop; false if a signal ended it early.
    fn train(&mut self, stop: &Stop) -> Result<bool> {
        let config = self.config;
        let progress = Progress::new(config.max_steps, self.state.step);
        while self.state.step < config.max_steps {
            let began = Instant::now();
            let mut step = self.step().with_context(|| self.last_words())?;
            step.seconds = began.elapsed().as_secs_f64();
            self.state.step += 1;
            self.state.tokens_seen += step.tokens;
            self.state.elapsed_seconds += step.seconds;
            self.state.window.observe(&step);

            let done = self.state.step;
            let due = |every: usize| done.is_multiple_of(every) || done == config.max_steps;
            progress.step(done);
            if due(config.log_every) {
                let report =
                    self.state.window.report(done, self.state.tokens_seen, self.state.elapsed_seconds);
                progress.report(&report);
                self.metrics.write(&report)?;
            }
            let interrupted = stop.requested();
            if due(config.eval_every) || due(config.save_every) {
                let evaluation = self.evaluate()?;
                self.metrics.write(&evaluation)?;
                progress.note(&held_out_line(&evaluation));
                if due(config.save_every) {
                    self.remember(&evaluation);
                }
            }
            if due(config.save_every) || interrupted {
                let saved = self.save()?;
                if interrupted && done < config.max_steps {
                    progress.finish();
                    eprintln!("stopped at step {done}, saved {}; go on with --resume", saved.display());
                    return Ok(false);
                }
            }
        }
        progress.finish();
        Ok(true)
    }

    /// One optimizer step: gradients of the batch's mean loss, summed over its micro-batches, then the update.
    fn step(&mut self) -> Result<StepMetrics> {
        let (config, step) = (self.config, self.state.step);
        let size = config.micro_batch_size();
        let rows = (0..config.accumulation_steps).map(|i| i * size);
        let micro_batches: Vec<_> =
            rows.map(|row| (row, self.corpus.train.micro_batch(step as u64, row..row + size))).collect();
        let masked: usize = micro_batches.iter().map(|(_, batch)| batch.labels.len()).sum();
        let mode = Mode::train(random::fork(random::named(config.seed, "dropout"), step as u64));
        let vars = self.model.parameters();

        let mut grads = GradStore::default();
        let (mut loss_sum, mut correct) = (0., 0);
        for (row, batch) in micro_batches {
            let batch = batch::to_device(batch, self.device)?; // (micro_batch, seq_len)
            let output = self.model.forward(&batch, mode.from_row(row))?;
            loss_sum += f64::from(output.masked_lm_loss.to_scalar::<f32>()?);
            correct += output.correct(&batch.labels)?;
            let mean = (output.masked_lm_loss * (config.loss_scale / masked.max(1) as f64))?;
            accumulate(&mut grads, mean.backward()?, &vars)?;
        }
        let metrics =
            self.update.step(&grads, step).with_context(|| format!("loss {}", loss_sum / masked as f64))?;
        ensure!(loss_sum.is_finite(), "the loss is {loss_sum}");
        let tokens = (config.batch_size * config.seq_len) as u64;
        Ok(StepMetrics { loss_sum, correct: correct as u64, masked: masked as u64, tokens, ..metrics })
    }

    fn evaluate(&self) -> Result<Evaluation> {
        let (count, size) = (self.config.eval_sequences, self.config.micro_batch_size());
        batch::evaluate(&self.model, &self.corpus.held_out, count, size, self.device, self.state.step)
    }

    /// Keeps the best of the evaluations whose step is saved.
    fn remember(&mut self, evaluation: &Evaluation) {
        let loss = evaluation.eval_loss;
        if self.state.best.as_ref().is_none_or(|best| loss < best.loss) {
            self.state.best = Some(Best { step: evaluation.step, loss });
        }
    }

    /// Writes a checkpoint after the metrics that belong to it, and drops the old ones.
    fn save(&self) -> Result<PathBuf> {
        let Self { config, state, .. } = self;
        self.metrics.sync()?;
        let parameters = self.model.parameters();
        let tokenizer = self.corpus.tokenizer.to_string(true).map_err(anyhow::Error::msg)?;
        let path = checkpoint::save(
            &config.out,
            &Snapshot {
                config_json: &self.model.config().to_json()?,
                model: parameters.into_iter().map(|(name, var)| (name, var.as_detached_tensor())).collect(),
                tokenizer_json: &tokenizer,
                optimizer: self.update.state()?,
                state,
                run_toml: &config.to_toml()?,
            },
        )?;
        checkpoint::prune(
            &config.out,
            state.step,
            config.keep_last,
            state.best.as_ref().map(|best| best.step),
        )?;
        self.draw()?;
        Ok(path)
    }

    fn draw(&self) -> Result<Vec<PathBuf>> {
        let out = &self.config.out;
        let name = out.file_name().unwrap_or(out.as_os_str()).to_string_lossy();
        plot::draw(&[(name.into_owned(), out.join("metrics.jsonl"))], &out.join("curves"))
    }

    /// What a failed step leaves behind.
    fn last_words(&self) -> String {
        let left = match checkpoint::newest_valid(&self.config.out) {
            Ok(found) => format!("the last checkpoint is {}", found.path.display()),
            Err(_) => "no checkpoint was saved before".to_string(),
        };
        format!("training stopped at step {}: {left}", self.state.step + 1)
    }

    /// The result, on standard output: the whole held-out part, the trivial guess, a few sentences, the files.
    fn summarise(&self) -> Result<()> {
        let Self { config, corpus, .. } = self;
        let guess = FrequencyGuess::new(corpus.train.sequences(), &corpus.held_out);
        let word = corpus.tokenizer.id_to_token(guess.token).unwrap_or_default();
        let (all, size) = (corpus.held_out.sequences().len(), config.micro_batch_size());
        let result = batch::evaluate(&self.model, &corpus.held_out, all, size, self.device, self.state.step)?;
        println!("held-out loss {:.4}", result.eval_loss);
        println!("held-out masked words guessed right: {:.1} %", 100. * result.eval_accuracy);
        println!("always guessing \"{word}\":            {:.1} %", 100. * guess.accuracy);
        if config.text.is_empty() {
            println!();
            for sentence in builtin::EXAMPLES {
                let filled = fill_mask::guess(&self.model, &corpus.tokenizer, sentence, 3, self.device)?;
                println!("{}", fill_mask::line(sentence, &filled));
            }
        }
        println!("\ncurves      {}", config.out.join("curves.png").display());
        println!("checkpoint  {}", checkpoint::path_of(&config.out, self.state.step).display());
        Ok(())
    }
}

/// Adds the gradients of `vars` to `total` and lets go of all others.
fn accumulate(total: &mut GradStore, mut grads: GradStore, vars: &[(String, Var)]) -> Result<()> {
    let mut wanted = GradStore::default();
    for (_, var) in vars {
        if let Some(grad) = grads.remove(var) {
            wanted.insert(var, grad);
        }
    }
    Ok(total.extend(wanted)?)
}

/// The newest intact checkpoint, with a line for each one that is not; none if none was ever saved.
fn newest_checkpoint(out: &Path, device: &Device) -> Result<Option<checkpoint::Loaded>> {
    if !checkpoint::any(out)? {
        eprintln!("no checkpoint in {} yet: starting at step 0", out.display());
        return Ok(None);
    }
    let found = checkpoint::newest_valid(out)?;
    for (path, reason) in &found.skipped {
        eprintln!("skipped {}: {reason}", path.display());
    }
    eprintln!("resuming from {}", found.path.display());
    checkpoint::load(&found.path, device).map(Some)
}

fn documents(config: &RunConfig) -> Result<Vec<Document>> {
    if config.text.is_empty() {
        return Ok(builtin::documents(config.seed, config.sentences));
    }
    source::documents(&config.text, config.documents)?.collect()
}

fn data_settings(config: &RunConfig) -> DataSettings {
    DataSettings {
        vocab_size: config.vocab_size,
        seq_len: config.seq_len,
        batch_size: config.batch_size,
        held_out: config.held_out,
        mask_probability: config.mask_probability,
        seed: config.seed,
    }
}

/// `1.2M tokens in 9,812 sequences to train on, 203 held out, vocabulary 2048, 2.6 epochs`.
fn describe(corpus: &Corpus, config: &RunConfig) -> String {
    let train: &TrainBatches = &corpus.train;
    format!(
        "{} tokens in {} sequences to train on, {} sequences held out, vocabulary {}, {:.1} epochs",
        train.sequences().tokens(),
        train.sequences().len(),
        corpus.held_out.sequences().len(),
        tokenizer::vocab_size(&corpus.tokenizer),
        train.epochs(config.max_steps as u64)
    )
}

fn held_out_line(evaluation: &Evaluation) -> String {
    let Evaluation { step, eval_loss, eval_accuracy } = evaluation;
    format!("step {step}  held-out loss {eval_loss:.3}  accuracy {:.1} %", 100. * eval_accuracy)
}
