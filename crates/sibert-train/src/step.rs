//! The gradients of one optimizer step, as `pretrain` takes them and `bench` times them.

use std::iter::Peekable;
use std::ops::Range;

use anyhow::{Result, ensure};
use candle_core::Device;
use sibert_data::batches::MaskedBatch;
use sibert_model::{Gradients, Mode, PreTraining, PretrainingOutput, Tape, random};
use sibert_ranks::shares::Tree;
use sisgd::Deferred;

use crate::batch;
use crate::config::RunConfig;
use crate::sums::Sums;
use crate::team::{Sharing, Team};

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
    let vars = model.parameters();
    let mut tree = Tree::new(config.shares);
    let mut micro_batches = micro_batches.into_iter().peekable();
    for share in team.shares(config.shares)? {
        let end = (share + 1) * config.batch_size / config.shares;
        let mut sums = (Gradients::of(vars.iter().map(|(_, var)| var)), Deferred::ready(Sums::default()));
        while let Some(part) = next_before(end, &mut micro_batches) {
            sums = add_part(sums, part, model, weights, config, step, device)?;
        }
        tree.push(share, sums, |(x, a), (y, b)| {
            let figures = a.zip(b)?.map(|(a, b)| a.plus(&b));
            Ok::<_, candle_core::Error>((x.plus(y)?, figures))
        })?;
    }
    let sharing = Sharing { shares: config.shares, reproducible: config.reproducible_sums };
    team.sum(tree.pieces(), &vars, sharing, device)
}

/// The next micro-batch, if it begins before row `end`.
fn next_before(end: usize, parts: &mut Peekable<impl Iterator<Item = Part>>) -> Option<Part> {
    parts.next_if(|(row, _)| *row < end)
}

/// Adds the gradients and figures of a micro-batch, whose losses of tokens and of pairs have these weights.
fn add_part(
    (mut gradients, mut sums): (Gradients, Deferred<Sums>),
    (row, batch): Part,
    model: &PreTraining,
    weights: [f64; 2],
    config: &RunConfig,
    step: usize,
    device: &Device,
) -> Result<(Gradients, Deferred<Sums>)> {
    if batch.labels.is_empty() {
        return Ok((gradients, sums));
    }
    let mode = Mode::train(random::fork(random::named(config.seed, "dropout"), step as u64));
    let batch = batch::to_device(batch, model, device)?; // (micro_batch, seq_len)
    let forward = || Tape::record(|| model.forward(&batch, mode.from_row(row)));
    let (output, tape) = config.precision.scope(forward)?;
    sums = sums.zip(Sums::of(&output, &batch)?)?.map(|(sums, part)| sums.plus(&part));
    let PretrainingOutput { masked_lm_loss, next_sentence_loss, logits, .. } = output;
    drop(logits); // the backward pass needs the memory
    let pairs = next_sentence_loss.as_ref().map(|loss| (loss, weights[1]));
    let losses: Vec<_> = [(&masked_lm_loss, weights[0])].into_iter().chain(pairs).collect();
    tape.backward(&losses, &mut gradients)?;
    Ok((gradients, sums))
}
