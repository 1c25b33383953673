//! The model's loss on held-out text.

use anyhow::{Result, ensure};
use candle_core::Device;
use sibert_data::batches::HeldOutBatches;
use sibert_model::{Mode, PreTraining, no_grad};
use sisgd::Deferred;

use crate::batch::to_device;
use crate::log::Evaluation;
use crate::sums::Sums;
use crate::team::Team;

/// Mean loss and accuracy on the first `count` held-out sequences, `batch_size` at a time, after `step` steps; the batches
/// are shared out among the processes of the team, with the same result.
///
/// # Errors
/// If the device fails, or no held-out token can be predicted.
pub fn evaluate(
    model: &PreTraining,
    held_out: &HeldOutBatches,
    count: usize,
    batch_size: usize,
    device: &Device,
    step: usize,
    team: &Team,
) -> Result<Evaluation> {
    let mut parts = Vec::new();
    let batches = held_out.first(count, batch_size).filter(|batch| !batch.labels.is_empty());
    for (_, batch) in batches.enumerate().filter(|(i, _)| team.makes(*i)) {
        let batch = to_device(batch, model, device)?;
        let output = no_grad(|| model.forward(&batch, Mode::Eval))?;
        parts.push(Sums::of(&output, &batch)?);
    }
    let own = Deferred::read(parts)?.into_iter().collect::<candle_core::Result<Vec<_>>>()?;
    let Sums { loss, correct, masked, pairs } =
        team.interleaved(&own)?.iter().fold(Sums::default(), Sums::plus);
    ensure!(masked > 0, "held-out text: the tokenizer knows none of its words, so none can be masked");
    let masked = masked as f64;
    Ok(Evaluation {
        step,
        eval_loss: loss / masked,
        eval_accuracy: correct as f64 / masked,
        eval_next_sentence_loss: pairs.mean_loss(),
        eval_next_sentence_accuracy: pairs.accuracy(),
    })
}
