//! One seed of a fine-tuning run: the loop and its state.

mod record;

use std::ops::Range;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use sibert_model::{FineTuning, Gradients, Mode, Tape, random};
use sibert_ranks::shares::of_rank;
use sisgd::Deferred;

use super::folder::SeedFolder;
use super::run::TaskRun;
use super::state::{SeedResult, State};
use crate::batch::DTYPE;
use crate::bf16;
use crate::checkpoint::{self, Loaded};
use crate::console::note;
use crate::log::{MetricsLog, Progress, StepMetrics};
use crate::signals::Stop;
use crate::sums::Sums;
use crate::team::{Finished, GradientSums, Sharing};
use crate::tuned::{Sequence, inputs, order};
use crate::update::Update;

/// Steps between two lines of `metrics.jsonl`.
const LOG_EVERY: usize = 10;

/// Everything that a seed changes.
pub struct Seed<'a> {
    run: &'a TaskRun<'a>,
    folder: SeedFolder,
    model: FineTuning,
    update: Update,
    state: State,
    metrics: MetricsLog,
    batches: (u64, Vec<Vec<usize>>), // of an epoch
}

impl<'a> Seed<'a> {
    /// A new model with a head drawn from the seed, or the newest intact checkpoint.
    ///
    /// # Errors
    /// If the model does not fit, or a checkpoint cannot be read.
    pub fn prepare(run: &'a TaskRun<'a>, folder: SeedFolder, seed: u64) -> Result<Self> {
        run.team.first(|| folder.create())?;
        let newest = run.team.first(|| folder.newest())?;
        let load = |path: PathBuf| checkpoint::load(&path, &run.device);
        let saved: Option<Loaded<State>> = run.team.agree(newest.map(load).transpose())?;
        let keeps_head = saved.is_some() || run.head.kept;
        let (tensors, optimizer, state) = match saved {
            Some(saved) => {
                let (name, sums) =
                    (checkpoint::name_of(saved.state.step), bf16::sums(run.settings.precision, &run.device));
                bf16::note_change(&name, saved.state.bf16_sums.as_deref(), sums.as_deref());
                (saved.model, Some(saved.optimizer), State { bf16_sums: sums, ..saved.state })
            }
            None => (
                run.pretrained.tensors.clone(),
                None,
                State {
                    seed,
                    bf16_sums: bf16::sums(run.settings.precision, &run.device),
                    ..State::default()
                },
            ),
        };
        let (config, head) = (&run.pretrained.config, run.head.kind);
        let (model, origins) = FineTuning::load(config, head, keeps_head, tensors, seed, DTYPE, &run.device)
            .with_context(|| run.pretrained.name.clone())?;
        if state.step == 0 {
            run.say_once(&origins);
        }
        let mut update = Update::of_tuning(&model, &run.rule())?;
        if let Some(optimizer) = &optimizer {
            update.load_state(optimizer)?;
        }
        let metrics = match state.step {
            0 => MetricsLog::create(&folder.metrics()),
            step => MetricsLog::resume(&folder.metrics(), step)?,
        };
        let metrics = metrics.with_events(run.events(folder.path(), seed)?);
        Ok(Self { run, folder, model, update, state, metrics, batches: (u64::MAX, Vec::new()) })
    }

    /// The loop; none if a signal ended it early.
    ///
    /// # Errors
    /// If a loss or gradient is not finite, or a file cannot be written.
    pub fn train(mut self, stop: &Stop) -> Result<Option<SeedResult>> {
        let total = self.run.total_steps();
        let progress = Progress::new(total, self.state.step);
        let mut ahead = Vec::new(); // steps whose numbers may still be on the device
        while self.state.step < total && !self.is_out_of_patience() {
            let began = Instant::now();
            let (step, samples) = self.step().with_context(|| self.last_words())?;
            ahead.push(step);
            self.state.samples += samples as u64;
            self.state.step += 1;

            let done = self.state.step;
            progress.step(done);
            let [signals] = self.run.team.totals([u64::from(stop.requested())])?;
            let (evaluated, interrupted) = (self.run.is_evaluated_at(done), signals > 0);
            let reported = done.is_multiple_of(LOG_EVERY) || done == total;
            let metrics = match self.run.device.is_cpu() || reported || evaluated || interrupted {
                true => self.read_back(std::mem::take(&mut ahead)).with_context(|| self.last_words())?,
                false => None,
            };
            self.state.seconds += began.elapsed().as_secs_f64();
            if let Some(metrics) = metrics.filter(|_| reported) {
                self.report(&metrics, &progress)?;
            }
            if evaluated {
                self.evaluate(&progress).with_context(|| self.last_words())?;
            }
            if evaluated || interrupted {
                let saved = self.save()?;
                if interrupted && done < total {
                    progress.finish();
                    note(format!(
                        "stopped at step {done}, saved {}; continue with --resume",
                        saved.display()
                    ));
                    return Ok(None);
                }
            }
        }
        progress.finish();
        self.finish().map(Some)
    }

    /// One optimizer step: gradients of the batch's mean loss, then the update; and how many examples it read.
    fn step(&mut self) -> Result<(Deferred<(f64, StepMetrics)>, usize)> {
        let (step, per_epoch) = (self.state.step, self.run.steps_per_epoch());
        let epoch = (step / per_epoch) as u64;
        if self.batches.0 != epoch {
            let lengths: Vec<usize> = self.run.train.sequences().iter().map(Sequence::len).collect();
            self.batches = (epoch, order(&lengths, self.run.settings.batch_size, self.state.seed, epoch));
        }
        let batch = self.batches.1[step % per_epoch].clone();
        let (gradients, loss) = self.gradients(&batch)?;
        match self.update.step(&gradients, step) {
            Ok(update) => Ok((loss.zip(update)?, batch.len())),
            Err(error) => {
                let error = error.context(format!("loss {}", loss.wait()?));
                Err(self.run.team.ends_all(error)) // all have the same gradients
            }
        }
    }

    /// Waits for steps and counts their losses; what the last of them says.
    fn read_back(&mut self, steps: Vec<Deferred<(f64, StepMetrics)>>) -> Result<Option<StepMetrics>> {
        let mut last = None;
        for step in Deferred::read(steps)? {
            let (loss, metrics) = step?;
            if !loss.is_finite() {
                bail!(self.run.team.ends_all(format!("loss {loss}, with finite gradients")));
            }
            self.state.window.0 += loss;
            self.state.window.1 += 1;
            last = Some(metrics);
        }
        Ok(last)
    }

    /// `∇ mean loss of the batch` and that loss: the parts of a share are summed one after the other, the shares along the
    /// tree of [`sibert_ranks::shares`].
    fn gradients(&self, batch: &[usize]) -> Result<(Gradients, Deferred<f64>)> {
        let Self { run, model, .. } = self;
        let (vars, count) = (model.parameters(), run.train.terms(batch) as f64);
        let shares = run.settings.shares.min(batch.len());
        let sharing = Sharing { shares, sums: GradientSums::Reproducible };
        let of_share = |share| {
            let rows = of_rank(batch.len(), share, shares);
            let size = run.settings.micro_batch_size();
            rows.clone().step_by(size).map(|start| start..rows.end.min(start + size)).collect()
        };
        let add = |rows, gradients: &mut Gradients, finished: &mut Finished| {
            self.differentiate(batch, rows, count, gradients, finished)
        };
        let (gradients, sums) = run.team.sum(&vars, sharing, &run.device, of_share, add)?;
        Ok((gradients, sums.map(move |sums| sums.loss / count)))
    }

    /// Adds the gradients of the losses of these rows of a batch whose losses are `count` terms; the sum of these losses.
    fn differentiate(
        &self,
        batch: &[usize],
        rows: Range<usize>,
        count: f64,
        gradients: &mut Gradients,
        finished: &mut Finished,
    ) -> Result<Deferred<Sums>> {
        let Self { run, model, state, .. } = self;
        let mode = Mode::train(random::fork(random::named(state.seed, "dropout"), state.step as u64));
        let (first, rows) = (rows.start, &batch[rows]);
        let sequences: Vec<_> = rows.iter().map(|&row| &run.train.sequences()[row]).collect();
        let inputs = inputs(&sequences, model.config().pad_token_id, &run.device)?;
        let targets = run.train.targets(rows, &run.head.labels, &run.device)?;
        let forward = || {
            let logits = model.forward(&inputs, mode.from_row(first))?;
            model.loss(&logits, &inputs, &targets)
        };
        let (loss, tape) = run.settings.precision.scope(|| Tape::record(forward))?;
        let sums = Deferred::new(loss.reshape(1)?, |loss| Ok(Sums { loss: loss[0], ..Sums::default() }));
        tape.backward_telling(&[(&loss, 1. / count)], gradients, finished)?;
        Ok(sums)
    }

    fn epoch(&self, step: usize) -> f64 {
        step as f64 / self.run.steps_per_epoch() as f64
    }

    fn is_out_of_patience(&self) -> bool {
        self.run.settings.patience.is_some_and(|most| self.state.since_best >= most)
    }

    /// The state after a failed step.
    fn last_words(&self) -> String {
        let (seed, step) = (self.state.seed, self.state.step + 1);
        let next = match checkpoint::any(self.folder.path()) {
            Ok(true) => "--resume continues from the last checkpoint",
            _ => "no checkpoint was saved before: start again with another --out",
        };
        format!("seed {seed}: training stopped at step {step}; {next}")
    }
}
