//! The summary of a finished run.

use anyhow::{Context, Result};
use sibert_data::builtin;
use sibert_data::guess::FrequencyGuess;

use super::{Training, divergence};
use crate::checkpoint;
use crate::console::result;
use crate::fill_mask;
use crate::held_out;
use crate::log::{Evaluation, Memory, Summary, SummaryTiming};

/// Held-out sequences that the last evaluation reads, unless `eval_sequences` is more.
const SEQUENCES: usize = 2048;

impl Training<'_> {
    /// Writes `summary.json`, and prints the loss on what was held out beside the trivial guess, a few sentences, and
    /// the files.
    ///
    /// # Errors
    /// If the device fails, the folder is not writable or standard output is closed.
    pub fn summarise(&self) -> Result<()> {
        let Self { config, corpus, .. } = self;
        let (all, size) = (corpus.held_out.len(), config.micro_batch_size());
        let count = all.min(SEQUENCES.max(config.eval_sequences));
        let step = self.state.step;
        let found = (all > 0).then(|| {
            held_out::evaluate(&self.model, &corpus.held_out, count, size, self.device, step, self.team)
        });
        let found = found.transpose()?;
        self.team.first(|| self.print(found.as_ref(), count))
    }

    /// Writes and prints what was found on `count` held-out sequences, if there are any.
    fn print(&self, found: Option<&Evaluation>, count: usize) -> Result<()> {
        let Self { config, corpus, .. } = self;
        let all = corpus.held_out.len();
        let guess = FrequencyGuess::new(&corpus.text, corpus.special, &corpus.held_out, count);
        let word = corpus.tokenizer.id_to_token(guess.token).unwrap_or_default();
        if let Some(found) = found {
            let which = if count == all { format!("all {all}") } else { format!("{count} of {all}") };
            self.summary(found, &guess, count)?.write(&config.out)?;
            let row = |name: &str, value: String| result(format!("{name:<32}{value:>8}"));
            result(format!("after {} steps, on {which} held-out sequences:", self.state.step))?;
            row("  loss", format!("{:.4}", found.eval_loss))?;
            row("  knowing word frequencies alone", format!("{:.4}", guess.loss))?;
            row("  masked words guessed right", format!("{:.1} %", 100. * found.eval_accuracy))?;
            row(&format!("  always guessing {word:?}"), format!("{:.1} %", 100. * guess.accuracy))?;
        } else {
            self.ending()?.write(&config.out)?;
            result(format!("after {} steps; nothing is held out to judge them by", self.state.step))?;
        }
        if config.source.is_empty() && config.shards.is_none() {
            self.fill_examples()?;
        }
        result(format!("\ncurves      {}", config.out.join("curves.png").display()))?;
        result(format!("checkpoint  {}", checkpoint::path_of(&config.out, self.state.step).display()))?;
        result(format!("try         sibert fill-mask --model {} \"… [MASK] …\"", config.out.display()))
    }

    /// Leaves a summary if the run has diverged, which ends it for good.
    ///
    /// # Errors
    /// The error itself.
    pub fn give_up(&self, error: anyhow::Error) -> anyhow::Error {
        let reason = divergence::reason(&error).filter(|_| self.team.is_first());
        let Some(reason) = reason else { return error };
        let written = self.ending().and_then(|ending| {
            Summary { diverged: Some(reason), ..ending }.write(&self.config.out).context("summary")
        });
        match written {
            Ok(()) => error,
            Err(failed) => error.context(format!("{failed:#}")),
        }
    }

    fn summary(&self, found: &Evaluation, guess: &FrequencyGuess, count: usize) -> Result<Summary> {
        Ok(Summary {
            eval_loss: Some(found.eval_loss),
            eval_accuracy: Some(found.eval_accuracy),
            frequent_accuracy: Some(guess.accuracy),
            frequency_loss: Some(guess.loss),
            eval_sequences: count,
            ..self.ending()?
        })
    }

    /// The part that is true of every end.
    fn ending(&self) -> Result<Summary> {
        let state = &self.state;
        let parameters = self.model.parameters();
        let encoder = self.model.encoder_parameters();
        let param_norm = sisgd::clip::global_norm(sisgd::clip::squared_norms(&encoder)?.wait()?);
        let tokens_per_second = state.tokens_seen as f64 / state.elapsed_seconds.max(1e-9);
        Ok(Summary {
            step: state.step,
            tokens: state.tokens_seen,
            diverged: None,
            eval_loss: None,
            eval_accuracy: None,
            frequent_accuracy: None,
            frequency_loss: None,
            eval_sequences: 0,
            clipped_steps: state.trajectory.clipped_steps,
            spikes: state.trajectory.spikes,
            param_norm,
            equilibrium_norm: state.trajectory.equilibrium_norm,
            parameters: parameters.iter().map(|(_, var)| var.elem_count() as u64).sum(),
            memory: self.memory()?,
            timing: SummaryTiming { elapsed_seconds: state.elapsed_seconds, tokens_per_second },
        })
    }

    fn memory(&self) -> Result<Memory> {
        let bytes =
            |tensor: &candle_core::Tensor| (tensor.elem_count() * tensor.dtype().size_in_bytes()) as u64;
        let earlier = self.earlier.as_ref().filter(|_| self.gradient_bytes == 0); // no step was made
        let state = self.update.state()?;
        let tensors = |prefix: &'static str| {
            state.iter().filter(move |(name, tensor)| tensor.rank() > 0 && name.starts_with(prefix))
        };
        Ok(Memory {
            parameters: self.model.parameters().iter().map(|(_, var)| bytes(var)).sum(),
            gradients: earlier.map_or(self.gradient_bytes, |earlier| earlier.gradients),
            optimizer_state: tensors("").map(|(_, tensor)| bytes(tensor)).sum(),
            encoder_optimizer_state: tensors("encoder.").map(|(_, tensor)| bytes(tensor)).sum(),
            peak: self.peak.or(earlier.and_then(|earlier| earlier.peak)),
        })
    }

    fn fill_examples(&self) -> Result<()> {
        result("")?;
        for sentence in builtin::EXAMPLES {
            let filled = fill_mask::guess(&self.model, &self.corpus.tokenizer, sentence, 3, self.device)?;
            result(fill_mask::line(sentence, &filled))?;
        }
        Ok(())
    }
}
