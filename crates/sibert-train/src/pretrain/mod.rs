//! `sibert pretrain`: masked-language-model pretraining.

mod ahead;
mod divergence;
pub mod health;
mod prepare;
mod summary;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use candle_core::Device;
use sibert_data::guess::FrequencyGuess;
use sibert_data::loader::Loader;
use sibert_data::{Corpus, tokenizer};
use sibert_model::PreTraining;
use sisgd::{Gradient, GradientSource};

use crate::checkpoint::{self, Best, Snapshot, TrainingState};
use crate::config::RunConfig;
use crate::console::note;
use crate::held_out;
use crate::log::{Evaluation, MetricsLog, Progress, Report, group_norms};
use crate::memory;
use crate::plot;
use crate::run::Run;
use crate::signals::{self, Stop};
use crate::step;
use crate::team::Team;
use crate::update::Update;
use ahead::{Ahead, Step};
use divergence::Diverged;
pub use health::Health;
pub use prepare::steps_of;

/// Trains a model from text to its last checkpoint, or on from an earlier one.
///
/// # Errors
/// If the text, the settings or the checkpoint are unfit, a loss or gradient is not finite, or the disk fails; each
/// message names what to look at, and earlier checkpoints stay intact. If a signal ended it: [`signals::interrupted`].
pub fn run<'a>(run: &'a mut Run<'a>, time_limit: Option<Duration>) -> Result<()> {
    let began = Instant::now();
    let mut training = Training::prepare(run)?;
    let stop = Stop::install()?; // before, there is nothing to save
    let out_of_time = || time_limit.is_some_and(|limit| began.elapsed() >= limit);
    let team = training.team;
    match training.train(&stop, &out_of_time).map_err(|error| training.give_up(error))? {
        Ended::Over => {
            let Training { metrics, state, config, .. } = &mut training;
            team.first(|| {
                metrics.curves(state.step, || std::fs::read(config.out.join("curves.png")).ok());
                Ok(())
            })?;
            training.summarise()
        }
        Ended::Signal => Err(team.ends_all(signals::interrupted())),
        Ended::OutOfTime => Err(team.ends_all(signals::out_of_time())),
    }
}

/// Why the loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Over,
    Signal,
    OutOfTime,
}

/// Everything that a run changes or reads again at each step.
struct Training<'a> {
    config: &'a RunConfig,
    device: &'a Device,
    team: &'a Team,
    corpus: Corpus,
    model: PreTraining,
    update: Update,
    state: TrainingState,
    metrics: MetricsLog,
    /// Steps whose numbers are not read yet.
    ahead: Ahead,
    /// The most bytes that the gradients of a step took.
    gradient_bytes: u64,
    /// The largest memory of the process, or of the GPU, before its first checkpoint.
    peak: Option<u64>,
}

impl<'a> Training<'a> {
    /// The loop, until it is over, a signal comes to any process, or the time of the first one is up.
    fn train(&mut self, stop: &Stop, out_of_time: &dyn Fn() -> bool) -> Result<Ended> {
        let (config, team) = (self.config, self.team);
        self.tidy()?;
        let progress = Progress::new(config.max_steps, self.state.step);
        let mut loader = self.load()?;
        let mut health = Health::new(self.frequency_guess().loss);
        while self.state.step < config.max_steps {
            let began = Instant::now();
            let step = self.step(&mut loader).with_context(|| self.last_words(self.state.step + 1))?;
            self.ahead.push(step, began.elapsed(), loader.waited());
            self.state.step += 1;

            let done = self.state.step;
            let due = |every: usize| done.is_multiple_of(every) || done == config.max_steps;
            let [signals, limits] =
                team.totals([stop.requested(), team.is_first() && out_of_time()].map(u64::from))?;
            let interrupted = signals + limits > 0;
            progress.step(done);
            let looked_at = due(config.log_every) || due(config.eval_every) || due(config.save_every);
            if self.device.is_cpu() || looked_at || interrupted {
                self.read_back()?;
            }
            if due(config.log_every) {
                let report = self.report()?;
                progress.report(&report);
                team.first(|| self.metrics.write(&report))?;
                health.of_report(&report, config).iter().for_each(|warning| progress.note(warning));
            }
            let judged = !self.corpus.held_out.is_empty();
            if judged && (due(config.eval_every) || due(config.save_every)) {
                let evaluation = self.evaluate().with_context(|| self.last_words(done))?;
                team.first(|| self.metrics.write(&evaluation))?;
                progress.note(&held_out_line(&evaluation));
                health.of_evaluation(&evaluation, config).iter().for_each(|warning| progress.note(warning));
                if due(config.save_every) {
                    self.remember(&evaluation);
                }
            }
            if due(config.save_every) || interrupted {
                self.peak = self.peak.or_else(|| memory::peak_of(self.device));
                let saved = self.save()?;
                if interrupted && done < config.max_steps {
                    progress.finish();
                    note(format!(
                        "stopped at step {done}, saved {}; continue with --resume",
                        saved.display()
                    ));
                    return Ok(if signals > 0 { Ended::Signal } else { Ended::OutOfTime });
                }
            }
        }
        progress.finish();
        Ok(Ended::Over)
    }

    /// The batches of the steps that are left.
    fn load(&self) -> Result<Loader> {
        let Self { config, corpus, state, team, .. } = self;
        let steps = state.step as u64..config.max_steps as u64;
        let rows = step::rows(config, team.shares(config.shares)?);
        Loader::start(corpus.train.clone(), steps, rows, config.loader_threads)
    }

    /// One optimizer step: gradients of the batch's mean loss, summed over its micro-batches, then the update.
    fn step(&mut self, loader: &mut Loader) -> Result<Step> {
        let (config, step) = (self.config, self.state.step);
        let micro_batches = loader.next_step()?;
        let (grads, sums) =
            step::gradients(&self.model, micro_batches, config, step, self.device, self.team)?;
        self.gradient_bytes = self.gradient_bytes.max(bytes(&self.model, &grads));
        let update = match self.update.step(&grads, step) {
            Ok(update) => update,
            Err(error) => {
                let loss = sums.wait()?.mean_loss();
                let error = divergence::mark(error, loss, &self.model.parameters(), &grads);
                return Err(self.team.ends_all(error)); // all have the same gradients
            }
        };
        let tokens = (config.batch_size * config.seq_len) as u64;
        Ok(Step { number: step + 1, tokens, sums, update })
    }

    /// Waits for the steps since the last reading and counts them; after one that failed the state is the one before it.
    fn read_back(&mut self) -> Result<()> {
        for (number, metrics) in self.ahead.read()? {
            let metrics = match metrics {
                Ok(metrics) => metrics,
                Err(error) => {
                    self.state.step = number - 1;
                    return Err(self.team.ends_all(error)).with_context(|| self.last_words(number));
                }
            };
            self.state.tokens_seen += metrics.tokens;
            self.state.elapsed_seconds += metrics.seconds;
            self.state.window.observe(&metrics);
            self.state.trajectory.observe(&metrics);
        }
        Ok(())
    }

    /// The report on the steps since the last one.
    fn report(&mut self) -> Result<Report> {
        let TrainingState { step, tokens_seen, elapsed_seconds, window, trajectory, .. } = &mut self.state;
        let mut report = window.report(*step, *tokens_seen, *elapsed_seconds);
        trajectory.complete(&mut report);
        report.group_norms = group_norms(&self.model.parameters())?;
        let read = (report.step * self.config.batch_size) as f64;
        report.epoch = Some(read / self.corpus.train.sequences() as f64);
        report.timing.peak_bytes = memory::peak_of(self.device);
        Ok(report)
    }

    fn evaluate(&self) -> Result<Evaluation> {
        let (count, size) = (self.config.eval_sequences, self.config.micro_batch_size());
        let evaluation = held_out::evaluate(
            &self.model,
            &self.corpus.held_out,
            count,
            size,
            self.device,
            self.state.step,
            self.team,
        )?;
        let loss = evaluation.eval_loss;
        if !loss.is_finite() {
            self.team.ends_all(());
            return Err(anyhow!(Diverged(format!("held-out loss {loss}{}", self.unfit_parameter()?))));
        }
        Ok(evaluation)
    }

    /// The guess of a model that ignores context, for the words that the periodic evaluations read.
    fn frequency_guess(&self) -> FrequencyGuess {
        let Corpus { text, special, held_out, .. } = &self.corpus;
        FrequencyGuess::new(text, *special, held_out, self.config.eval_sequences)
    }

    /// Names the first parameter with a value that is not finite.
    fn unfit_parameter(&self) -> Result<String> {
        for (name, var) in self.model.parameters() {
            let sum = var.abs()?.sum_all()?.to_scalar::<f32>()?;
            if !sum.is_finite() {
                return Ok(format!(": `{name}` is not finite"));
            }
        }
        Ok(": the parameters are finite, the activations are not".to_string())
    }

    /// Keeps the best of the evaluations whose step is saved.
    fn remember(&mut self, evaluation: &Evaluation) {
        let loss = evaluation.eval_loss;
        if self.state.best.as_ref().is_none_or(|best| loss < best.loss) {
            self.state.best = Some(Best { step: evaluation.step, loss });
        }
    }

    /// Writes a checkpoint, if all processes have the same parameters.
    fn save(&mut self) -> Result<PathBuf> {
        let team = self.team;
        if team.size() > 1 {
            team.ensure_same("the parameters", &prepare::digest(&self.model.parameters())?)?;
        }
        team.first(|| self.write())
    }

    /// Writes a checkpoint after the metrics that belong to it, and drops the old ones.
    fn write(&mut self) -> Result<PathBuf> {
        self.metrics.sync()?;
        let Self { config, state, .. } = &*self;
        let parameters = self.model.parameters();
        let tokenizer = self.corpus.tokenizer.to_string(true).map_err(anyhow::Error::msg)?;
        let longest = self.model.config().max_position_embeddings;
        let path = checkpoint::save(
            &config.out,
            &Snapshot {
                config_json: &self.model.config().to_json()?,
                model: parameters.into_iter().map(|(name, var)| (name, var.as_detached_tensor())).collect(),
                tokenizer_json: &tokenizer,
                tokenizer_config_json: &tokenizer::config_json(&self.corpus.tokenizer, longest)?,
                optimizer: self.update.state()?,
                step: state.step,
                state,
                run_toml: &config.to_toml()?,
            },
        )?;
        checkpoint::prune(&config.out, state.step, config.keep_last, self.best_step())?;
        self.draw();
        Ok(path)
    }

    /// Does what a run that goes on may have left undone behind its last checkpoint; of one that is over, no other
    /// checkpoint will do it.
    fn tidy(&self) -> Result<()> {
        let Self { config, state, team, .. } = self;
        team.first(|| {
            if state.step > 0 {
                checkpoint::tidy(&config.out, state.step, config.keep_last, self.best_step())?;
            }
            if state.step >= config.max_steps {
                self.draw();
            }
            Ok(())
        })
    }

    fn best_step(&self) -> Option<usize> {
        self.state.best.as_ref().map(|best| best.step)
    }

    /// Draws the curves; pictures that cannot be drawn do not end a run.
    fn draw(&self) {
        let (out, metrics) = (&self.config.out, self.config.metrics());
        if !metrics.exists() {
            return; // stopped before the first report
        }
        let name = out.file_name().unwrap_or(out.as_os_str()).to_string_lossy();
        if let Err(error) = plot::draw(&[(name.into_owned(), metrics)], &out.join("curves")) {
            note(format!("the curves are not drawn: {error:#}"));
        }
    }

    /// The state after a failed step.
    fn last_words(&self, step: usize) -> String {
        let left = match checkpoint::newest_valid(&self.config.out) {
            Ok(found) => format!("the last checkpoint, {}, is intact", found.path.display()),
            Err(_) => "no checkpoint was saved before".to_string(),
        };
        format!("training stopped at step {step}; {left}")
    }
}

/// Bytes of the gradients of a model; tables may have those of a few rows.
fn bytes(model: &PreTraining, grads: &dyn GradientSource) -> u64 {
    let values = |gradient| match gradient {
        Gradient::Dense(values) | Gradient::Rows { values, .. } => values,
    };
    let gradients = model.parameters().into_iter().filter_map(|(_, var)| grads.gradient(&var).map(values));
    gradients.map(|values| (values.elem_count() * values.dtype().size_in_bytes()) as u64).sum()
}

fn held_out_line(evaluation: &Evaluation) -> String {
    let Evaluation { step, eval_loss, eval_accuracy, eval_next_sentence_accuracy: pairs, .. } = evaluation;
    let pairs = pairs.map_or(String::new(), |share| format!("  next sentence {:.1} %", 100. * share));
    format!("step {step}  held-out loss {eval_loss:.3}  accuracy {:.1} %{pairs}", 100. * eval_accuracy)
}
