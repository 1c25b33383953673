//! `sibert pretrain`: masked-language-model pretraining.

mod ahead;
mod divergence;
pub mod health;
mod prepare;
mod record;
mod summary;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use candle_core::Device;
use sibert_data::Corpus;
use sibert_data::loader::Loader;
use sibert_model::PreTraining;
use sisgd::{Gradient, GradientSource};

use crate::checkpoint::{self, TrainingState};
use crate::config::RunConfig;
use crate::console::note;
use crate::log::{Memory, MetricsLog, Progress};
use crate::memory;
use crate::run::Run;
use crate::signals::{self, Stop};
use crate::step;
use crate::team::Team;
use crate::update::Update;
use ahead::{Ahead, Step};
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
    /// What the summary of this run said, which was over before.
    earlier: Option<Memory>,
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
                progress.note(&record::held_out_line(&evaluation));
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
