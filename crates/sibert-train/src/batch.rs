//! Masked batches on the model's device, and the model's loss on them.

use anyhow::{Result, ensure};
use candle_core::{DType, Device, Tensor};
use sibert_model::{Batch, Mode, PreTraining, no_grad};

use crate::data::batches::{HeldOutBatches, MaskedBatch};
use crate::log::Evaluation;

/// The dtype of parameters and activations.
pub const DTYPE: DType = DType::F32;

/// Moves a batch to `device`.
///
/// # Errors
/// If the device fails.
pub fn to_device(batch: MaskedBatch, device: &Device) -> Result<Batch> {
    let shape = (batch.batch, batch.seq_len);
    let masked = batch.labels.len();
    Ok(Batch {
        input_ids: Tensor::from_vec(batch.input_ids, shape, device)?,
        token_type_ids: Tensor::from_vec(batch.token_type_ids, shape, device)?,
        attention_mask: Tensor::from_vec(batch.attention_mask, shape, device)?.to_dtype(DTYPE)?,
        positions: Tensor::from_vec(batch.positions, masked, device)?,
        labels: Tensor::from_vec(batch.labels, masked, device)?,
        next_sentence: None,
    })
}

/// Mean loss and accuracy on the first `count` held-out sequences, `batch_size` at a time, after `step` steps.
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
) -> Result<Evaluation> {
    let (mut loss, mut correct, mut masked) = (0., 0, 0);
    for batch in held_out.first(count, batch_size).filter(|batch| !batch.labels.is_empty()) {
        masked += batch.labels.len();
        let batch = to_device(batch, device)?;
        let output = no_grad(|| model.forward(&batch, Mode::Eval))?;
        loss += f64::from(output.masked_lm_loss.to_scalar::<f32>()?);
        correct += output.correct(&batch.labels)?;
    }
    ensure!(masked > 0, "held-out text: the tokenizer knows none of its words, so that none can be masked");
    let masked = masked as f64;
    Ok(Evaluation { step, eval_loss: loss / masked, eval_accuracy: correct as f64 / masked })
}
