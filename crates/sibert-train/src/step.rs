//! The gradients of one optimizer step, as `pretrain` takes them and `bench` times them.

use std::ops::Range;

use anyhow::{Result, ensure};
use candle_core::Device;
use sibert_data::batches::MaskedBatch;
use sibert_model::{Gradients, Mode, PreTraining, PretrainingOutput, Tape, random};
use sisgd::Deferred;

use crate::batch;
use crate::config::RunConfig;
use crate::sums::Sums;
use crate::team::{Finished, Sharing, Team};

/// A micro-batch with the index of its first row in the batch.
pub type Part = (usize, MaskedBatch);

/// The rows of the micro-batches of these shares of a batch.
pub fn rows(config: &RunConfig, shares: Range<usize>) -> Vec<Range<usize>> {
    let (share, micro_batch) = (config.batch_size / config.shares, config.micro_batch_size());
    let starts = (shares.start * share..shares.end * share).step_by(micro_batch);
    starts.map(|row| row..row + micro_batch).collect()
}

/// `∇ (config.loss_scale · mean loss of the batch)` and what the batch adds up to, of the parts of all processes.
///
/// Each of them gives the micro-batches of its own shares. The micro-batches of a share are summed one after the other, the
/// shares along the tree of [`sibert_ranks::shares`]. Dropout draws the masks of step `step`, by the rows of the batch; the
/// forward pass is in the config's precision. A micro-batch without a masked token is skipped. One process alone does not
/// wait for the device.
///
/// # Errors
/// If no token of the batch is masked, the batch does not fit the model, or the device fails.
pub fn gradients(
    model: &PreTraining,
    micro_batches: Vec<Part>,
    config: &RunConfig,
    step: usize,
    device: &Device,
    team: &Team,
) -> Result<(Gradients, Deferred<Sums>)> {
    let masked = micro_batches.iter().map(|(_, batch)| batch.labels.len() as u64).sum();
    let sequences = micro_batches.iter().map(|(_, batch)| batch.batch as u64).sum();
    let [masked, sequences] = team.totals([masked, sequences])?;
    ensure!(masked > 0, "no token to predict in its batch: the tokenizer knows none of the words");
    let weights = [masked, sequences].map(|count| config.loss_scale / count as f64);
    let loss = Loss { model, weights, config, step, device };
    let mut micro_batches = micro_batches.into_iter().peekable();
    let of_share = |share| {
        let end = (share + 1) * config.batch_size / config.shares;
        std::iter::from_fn(|| micro_batches.next_if(|(row, _)| *row < end)).collect()
    };
    let sharing = Sharing { shares: config.shares, sums: config.gradient_sums };
    let add = |part, gradients: &mut Gradients, finished: &mut Finished| {
        loss.differentiate(part, gradients, finished)
    };
    team.sum(&model.parameters(), sharing, device, of_share, add)
}

/// The loss of a step, whose tokens and pairs have these weights.
struct Loss<'a> {
    model: &'a PreTraining,
    weights: [f64; 2],
    config: &'a RunConfig,
    step: usize,
    device: &'a Device,
}

impl Loss<'_> {
    /// Adds the gradients of a micro-batch; its figures.
    fn differentiate(
        &self,
        (row, batch): Part,
        gradients: &mut Gradients,
        finished: &mut Finished,
    ) -> Result<Deferred<Sums>> {
        let &Self { model, weights: [of_tokens, of_pairs], config, step, device } = self;
        if batch.labels.is_empty() {
            return Ok(Deferred::ready(Sums::default()));
        }
        let mode = Mode::train(random::fork(random::named(config.seed, "dropout"), step as u64));
        let batch = batch::to_device(batch, model, device)?; // (micro_batch, seq_len)
        let forward = || Tape::record(|| model.forward(&batch, mode.from_row(row)));
        let (output, tape) = config.precision.scope(forward)?;
        let sums = Sums::of(&output, &batch)?;
        let PretrainingOutput { masked_lm_loss, next_sentence_loss, logits, .. } = output;
        drop(logits); // the backward pass needs the memory
        let pairs = next_sentence_loss.as_ref().map(|loss| (loss, of_pairs));
        let losses: Vec<_> = [(&masked_lm_loss, of_tokens)].into_iter().chain(pairs).collect();
        tape.backward_telling(&losses, gradients, finished)?;
        Ok(sums)
    }
}
