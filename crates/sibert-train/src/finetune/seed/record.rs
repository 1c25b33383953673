//! What a seed leaves behind: reports, evaluations, checkpoints and its result.

use std::path::PathBuf;

use anyhow::{Result, bail};
use serde_json::json;

use super::super::report;
use super::super::state::{Best, SeedResult, State};
use super::Seed;
use crate::answers::Outcome;
use crate::checkpoint::{self, Snapshot};
use crate::console::note;
use crate::log::{Progress, StepMetrics, count as count_of};
use crate::memory;
use crate::plot;
use crate::tuned::{Figures, logits, main_value};

/// Sequences in a forward pass of an evaluation, at least.
const EVALUATED: usize = 32;

impl Seed<'_> {
    /// A line in `metrics.jsonl` and on the terminal.
    pub(super) fn report(&mut self, metrics: &StepMetrics, progress: &Progress) -> Result<()> {
        let (sum, count) = std::mem::take(&mut self.state.window);
        let State { step, samples, seconds, .. } = self.state;
        let (loss, rate) = (sum / count.max(1) as f64, samples as f64 / seconds);
        let line = json!({
            "step": step,
            "epoch": self.epoch(step),
            "loss": loss,
            "lr": metrics.lr,
            "grad_norm": metrics.grad_norm,
            "param_norm": metrics.param_norm,
            "timing": { "samples_per_second": rate, "seconds": seconds },
        });
        self.run.team.first(|| self.metrics.write(&line))?;
        progress.show(step, &format!("loss {loss:.3}  {} samples/s", count_of(rate)));
        Ok(())
    }

    /// Judges the model by the development sets; what the best one said is kept beside the checkpoints.
    pub(super) fn evaluate(&mut self, progress: &Progress) -> Result<()> {
        let (figures, outcomes) = self.judge()?;
        let (step, epoch, task) = (self.state.step, self.epoch(self.state.step), self.run.settings.task);
        let line = json!({ "step": step, "epoch": epoch, "figures": figures });
        self.run.team.first(|| self.metrics.write(&line))?;
        let value = |figures: &Figures| main_value(task, figures).unwrap_or(f64::NEG_INFINITY);
        let better = self.state.best.as_ref().is_none_or(|best| value(&figures) > value(&best.figures));
        let mark = if better { "  best" } else { "" };
        progress.note(&format!("epoch {epoch:.1}  {}{mark}", report::line(task, &figures)));
        self.state.since_best = if better { 0 } else { self.state.since_best + 1 };
        if better {
            self.run.team.first(|| self.folder.write_outcomes(&outcomes))?;
            self.state.best = Some(Best { step, figures });
        }
        Ok(())
    }

    /// The figures of all development sets, and what the model says to each example of them.
    fn judge(&self) -> Result<(Figures, Vec<Outcome>)> {
        let Self { run, model, .. } = self;
        let settings = &run.settings;
        let size = settings.micro_batch_size().max(EVALUATED);
        let (mut figures, mut outcomes): (Figures, Vec<Outcome>) = Default::default();
        for set in &run.dev {
            let labels = &run.head.labels;
            let logits = logits(model, set.set.sequences(), size, settings.precision, &run.device, run.team)?;
            let judged = set.judge(logits, labels, &settings.answers())?;
            figures.extend(judged.figures);
            outcomes.push(judged.outcome);
        }
        Ok((figures, outcomes))
    }

    /// Writes a checkpoint after the metrics that belong to it, and drops all others but the best.
    pub(super) fn save(&mut self) -> Result<PathBuf> {
        self.run.team.first(|| self.write())
    }

    fn write(&mut self) -> Result<PathBuf> {
        self.metrics.sync()?;
        let Self { run, folder, model, state, .. } = &*self;
        let parameters = model.parameters();
        let snapshot = Snapshot {
            config_json: &run.files.config,
            model: parameters.into_iter().map(|(name, var)| (name, var.as_detached_tensor())).collect(),
            tokenizer_json: &run.files.tokenizer,
            tokenizer_config_json: &run.files.tokenizer_config,
            optimizer: self.update.state()?,
            step: state.step,
            state,
            run_toml: &toml::to_string(&run.settings)?,
        };
        let path = checkpoint::save(folder.path(), &snapshot)?;
        checkpoint::prune(folder.path(), state.step, 1, state.best.as_ref().map(|best| best.step))?;
        Ok(path)
    }

    /// Keeps the best checkpoint's model, writes the result, and drops the checkpoints.
    pub(super) fn finish(mut self) -> Result<SeedResult> {
        self.run.team.first(|| self.conclude())
    }

    fn conclude(&mut self) -> Result<SeedResult> {
        let (step, file) = (self.state.step, self.folder.metrics());
        let name = format!("seed-{}", self.state.seed);
        self.metrics.curves(step, || plot::png(&name, &file).ok().flatten());
        let Self { run, folder, state, .. } = &*self;
        let Some(best) = &state.best else { bail!("seed {}: no evaluation was made", state.seed) };
        let result = SeedResult {
            seed: state.seed,
            figures: best.figures.clone(),
            best_step: best.step,
            best_epoch: self.epoch(best.step),
            steps: state.step,
            seconds: state.seconds,
            samples_per_second: state.samples as f64 / state.seconds,
            peak_memory_bytes: memory::peak_of(&self.run.device),
        };
        folder.finish(best.step, &result)?;
        let epoch = result.best_epoch;
        let line = report::line(run.settings.task, &result.figures);
        note(format!("seed {}: {line} after {epoch:.1} epochs, {}", state.seed, run.pace(&result)));
        Ok(result)
    }
}
