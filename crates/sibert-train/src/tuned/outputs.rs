//! A model's outputs for sequences, in their order.

use anyhow::{Result, bail};
use candle_core::Device;
use sibert_model::{FineTuning, Mode, Precision, no_grad};

use super::{Sequence, inputs};
use crate::answers::Logits;
use crate::batch::DTYPE;
use crate::log::Progress;
use crate::team::Team;

/// Fewer batches go without a progress bar.
const MANY: usize = 200;

/// The outputs of a model's head for each sequence, in one forward pass, those of like lengths together, `batch_size` at a
/// time: (outputs), or (seq · outputs) of a head that reads every token. The batches are shared out among the processes of the
/// team, and all get all outputs.
///
/// # Errors
/// If a sequence does not fit the model, a logit is not a number, or the device fails.
pub fn logits(
    model: &FineTuning,
    sequences: &[Sequence],
    batch_size: usize,
    precision: Precision,
    device: &Device,
    team: &Team,
) -> Result<Logits> {
    let mut by_length: Vec<usize> = (0..sequences.len()).collect();
    by_length.sort_by_key(|&index| sequences[index].len());
    let mut logits = vec![Vec::new(); sequences.len()];
    let batches = by_length.chunks(batch_size);
    let progress = (batches.len() >= MANY).then(|| Progress::new(batches.len(), 0));
    for (done, batch) in batches.enumerate().filter(|(i, _)| team.makes(*i)) {
        let rows: Vec<&Sequence> = batch.iter().map(|&index| &sequences[index]).collect();
        let inputs = inputs(&rows, model.config().pad_token_id, device)?;
        let output = precision.scope(|| no_grad(|| model.forward(&inputs, Mode::Eval)))?;
        let values: Vec<f32> = output.to_dtype(DTYPE)?.flatten_all()?.to_vec1()?;
        let width = values.len() / batch.len();
        for (&index, row) in batch.iter().zip(values.chunks(width)) {
            let row = match model.head().is_of_tokens() {
                true => &row[..model.head().outputs() * sequences[index].len()],
                false => row,
            };
            if !row.iter().all(|value| value.is_finite()) {
                bail!("the model's output for example {index} is not a number: its training diverged");
            }
            logits[index] = row.to_vec();
        }
        if let Some(progress) = &progress {
            progress.step(done + 1);
        }
    }
    if let Some(progress) = &progress {
        progress.finish();
    }
    team.merged(logits)
}
