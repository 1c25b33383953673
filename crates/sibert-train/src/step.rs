//! The gradients of one optimizer step, as `pretrain` takes them and `bench` times them.

use anyhow::Result;
use candle_core::Device;
use sibert_data::batches::MaskedBatch;
use sibert_model::{Gradients, Mode, PreTraining, PretrainingOutput, Tape, random};
use sisgd::Deferred;

use crate::batch;
use crate::config::RunConfig;
use crate::sums::Sums;

/// Masked tokens of a step's micro-batches, each with the index of its first row in the batch.
pub fn masked(micro_batches: &[(usize, MaskedBatch)]) -> usize {
    micro_batches.iter().map(|(_, batch)| batch.labels.len()).sum()
}

/// `∇ (config.loss_scale · mean loss of the batch)`, summed over its micro-batches, and what the batch adds up to.
///
/// Dropout draws the masks of step `step`; the forward pass is in the config's precision. A micro-batch is given with the
/// index of its first row in the batch, so that its dropout masks are the batch's; one without a masked token is skipped.
/// At least one token must be masked. Nothing waits for the device.
///
/// # Errors
/// If the batch does not fit the model, or the device fails.
pub fn gradients(
    model: &PreTraining,
    micro_batches: Vec<(usize, MaskedBatch)>,
    config: &RunConfig,
    step: usize,
    device: &Device,
) -> Result<(Gradients, Deferred<Sums>)> {
    let mode = Mode::train(random::fork(random::named(config.seed, "dropout"), step as u64));
    let mut gradients = Gradients::of(model.parameters().iter().map(|(_, var)| var));
    let masked = masked(&micro_batches);
    let sequences: usize = micro_batches.iter().map(|(_, batch)| batch.batch).sum();
    let mut sums = Deferred::ready(Sums::default());
    for (row, batch) in micro_batches.into_iter().filter(|(_, batch)| !batch.labels.is_empty()) {
        let batch = batch::to_device(batch, model, device)?; // (micro_batch, seq_len)
        let forward = || Tape::record(|| model.forward(&batch, mode.from_row(row)));
        let (output, tape) = config.precision.scope(forward)?;
        sums = sums.zip(Sums::of(&output, &batch)?)?.map(|(mut sums, part)| {
            sums.add(&part);
            sums
        });
        let PretrainingOutput { masked_lm_loss, next_sentence_loss, logits, .. } = output;
        drop(logits); // the backward pass needs the memory
        let masked_lm = (&masked_lm_loss, config.loss_scale / masked as f64);
        let pairs = next_sentence_loss.as_ref().map(|loss| (loss, config.loss_scale / sequences as f64));
        let losses: Vec<_> = [masked_lm].into_iter().chain(pairs).collect();
        tape.backward(&losses, &mut gradients)?;
    }
    Ok((gradients, sums))
}
