//! The report on a run.

use std::time::Duration;

use sibert_data::Corpus;
use sibert_model::ModelConfig;

use super::faults::{self, Fault};
use super::machine::row;
use super::measure::Measured;
use crate::config::RunConfig;
use crate::log::clock;
use crate::memory::{Forecast, size};

/// Held-out sequences of the last evaluation, unless they are fewer: as `pretrain` reads them.
const LAST: usize = 2048;

/// Everything that is known of a run.
pub struct Report<'a> {
    /// Its settings, with the steps that its epochs are.
    pub config: &'a RunConfig,
    /// Its model.
    pub shape: &'a ModelConfig,
    /// Its text.
    pub corpus: &'a Corpus,
    /// Its memory.
    pub forecast: Forecast,
    /// The largest memory of the process, in bytes.
    pub peak: f64,
    /// The time to prepare the text.
    pub prepared: Duration,
    /// What was measured, if something was.
    pub measured: Option<Measured>,
    /// What is likely to go wrong.
    pub faults: Vec<Fault>,
}

impl Report<'_> {
    /// The lines to print.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![String::new()];
        lines.extend(self.run());
        lines.push(String::new());
        lines.extend(self.memory());
        lines.push(String::new());
        lines.extend(self.time());
        lines
            .push(row("disk", format!("{} of checkpoints", size(faults::disk(self.config, &self.forecast)))));
        lines.push(String::new());
        match self.faults.as_slice() {
            [] => lines.push("no faults found".into()),
            faults => lines.extend(faults.iter().map(|fault| format!("fault    {fault}"))),
        }
        lines
    }

    fn run(&self) -> Vec<String> {
        let Self { config, shape, corpus, .. } = self;
        let rule = format!("{:?}", config.optimizer).to_lowercase();
        let epochs = corpus.train.epochs(config.max_steps as u64);
        let epochs: Vec<String> = epochs.iter().map(|epochs| format!("{epochs:.1}")).collect();
        vec![
            row(
                "model",
                format!(
                    "{}, {} layers of {}, {} parameters, {rule}",
                    shape.model_type.prefix(),
                    shape.num_hidden_layers,
                    shape.hidden_size,
                    self.forecast.parameters as u64 / 4
                ),
            ),
            row(
                "run",
                format!(
                    "{} steps of {} sequences of {} tokens, {} at a time",
                    config.max_steps,
                    config.batch_size,
                    config.seq_len,
                    config.micro_batch_size()
                ),
            ),
            row(
                "text",
                format!(
                    "{} tokens in {} sequences, {} held out, vocabulary {}, {} epochs",
                    corpus.counts.tokens,
                    corpus.train.sequences(),
                    corpus.held_out.len(),
                    shape.vocab_size,
                    epochs.join(", ")
                ),
            ),
        ]
    }

    fn memory(&self) -> Vec<String> {
        let Forecast { parameters, gradients, optimizer_state, activations, logits, training } =
            self.forecast;
        let mut lines = vec![row("memory", format!("{} at its peak", size(self.peak)))];
        let mut part =
            |name: &str, bytes: f64| lines.push(format!("           {name:<30} {:>9}", size(bytes)));
        part("program, text, buffers kept", (self.peak - training).max(0.));
        part("parameters", parameters);
        part("gradients", gradients);
        part("optimizer state", optimizer_state);
        part("activations", activations);
        part("logits and their gradient", logits);
        if let Some(Measured { steps, peak: Some(peak), .. }) = self.measured {
            part(&format!("measured in {steps} steps"), peak as f64);
        }
        lines
    }

    fn time(&self) -> Vec<String> {
        let Some(measured) = self.measured else { return vec![row("time", "not measured")] };
        let Measured { steps, step, evaluation, .. } = measured;
        let trained = step * self.config.max_steps as f64;
        let evaluated = self.evaluations() * evaluation;
        let shown = |seconds: f64| Duration::try_from_secs_f64(seconds).map_or("ages".into(), clock);
        let total = self.prepared.as_secs_f64() + trained + evaluated;
        let tokens = (self.config.batch_size * self.config.seq_len) as f64 / step;
        let mut lines = vec![row("time", format!("{} in all, {tokens:.0} tokens/s", shown(total)))];
        let mut part =
            |name: String, seconds: f64| lines.push(format!("           {name:<30} {:>9}", shown(seconds)));
        part("the text".into(), self.prepared.as_secs_f64());
        part(format!("{} steps, {:.3} s each", self.config.max_steps, step), trained);
        part("evaluations".into(), evaluated);
        lines.push(format!("           by the mean of {steps} steps"));
        lines
    }

    /// Periodic evaluations of the run; the last one counts as many times as it is longer.
    fn evaluations(&self) -> f64 {
        let config = self.config;
        let due = |step: usize| {
            [config.eval_every, config.save_every].iter().any(|every| step.is_multiple_of((*every).max(1)))
        };
        let periodic = (1..config.max_steps).filter(|&step| due(step)).count() + 1;
        let last = self.corpus.held_out.len().min(LAST.max(config.eval_sequences));
        let usual = self.corpus.held_out.len().min(config.eval_sequences).max(1);
        periodic as f64 + last as f64 / usual as f64
    }
}
