//! What a run leaves behind: reports, evaluations, checkpoints and curves.

use std::path::PathBuf;

use anyhow::{Result, anyhow};
use sibert_data::guess::FrequencyGuess;
use sibert_data::{Corpus, tokenizer};

use super::divergence::Diverged;
use super::{Training, prepare};
use crate::checkpoint::{self, Best, Snapshot, TrainingState};
use crate::console::note;
use crate::held_out;
use crate::log::{Evaluation, Report, group_norms};
use crate::memory;
use crate::plot;

impl Training<'_> {
    /// The report on the steps since the last one.
    pub(super) fn report(&mut self) -> Result<Report> {
        let TrainingState { step, tokens_seen, elapsed_seconds, window, trajectory, .. } = &mut self.state;
        let mut report = window.report(*step, *tokens_seen, *elapsed_seconds);
        trajectory.complete(&mut report);
        report.group_norms = group_norms(&self.model.parameters())?;
        let read = (report.step * self.config.batch_size) as f64;
        report.epoch = Some(read / self.corpus.train.sequences() as f64);
        report.timing.peak_bytes = memory::peak_of(self.device);
        Ok(report)
    }

    pub(super) fn evaluate(&self) -> Result<Evaluation> {
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
    pub(super) fn frequency_guess(&self) -> FrequencyGuess {
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
    pub(super) fn remember(&mut self, evaluation: &Evaluation) {
        let loss = evaluation.eval_loss;
        if self.state.best.as_ref().is_none_or(|best| loss < best.loss) {
            self.state.best = Some(Best { step: evaluation.step, loss });
        }
    }

    /// Writes a checkpoint, if all processes have the same parameters.
    pub(super) fn save(&mut self) -> Result<PathBuf> {
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
    pub(super) fn tidy(&self) -> Result<()> {
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
}

/// The line of an evaluation on the terminal.
pub fn held_out_line(evaluation: &Evaluation) -> String {
    let Evaluation { step, eval_loss, eval_accuracy, eval_next_sentence_accuracy: pairs, .. } = evaluation;
    let pairs = pairs.map_or(String::new(), |share| format!("  next sentence {:.1} %", 100. * share));
    format!("step {step}  held-out loss {eval_loss:.3}  accuracy {:.1} %{pairs}", 100. * eval_accuracy)
}
