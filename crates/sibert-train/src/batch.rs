//! Masked batches on the model's device, and the model's loss on them.

use anyhow::{Result, ensure};
use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};
use sibert_model::{Batch, Mode, PreTraining, no_grad};
use sisgd::Deferred;

use crate::data::batches::{HeldOutBatches, MaskedBatch};
use crate::log::Evaluation;
use crate::step::Sums;

/// The dtype of parameters and activations.
pub const DTYPE: DType = DType::F32;

/// A batch for a model on `device`: ids stay on the host, where operations expect them. The labels of sentence pairs are
/// kept only for a model that has the head to read them.
///
/// # Errors
/// If the device fails.
pub fn to_device(batch: MaskedBatch, model: &PreTraining, device: &Device) -> Result<Batch> {
    let shape = (batch.batch, batch.seq_len);
    let masked = batch.labels.len();
    let judged = batch.next_sentence.filter(|_| model.config().next_sentence_prediction);
    let next_sentence = judged.map(|labels| Tensor::from_vec(labels, batch.batch, &Device::Cpu));
    Ok(Batch {
        input_ids: Tensor::from_vec(batch.input_ids, shape, &Device::Cpu)?,
        token_type_ids: Tensor::from_vec(batch.token_type_ids, shape, &Device::Cpu)?,
        attention_mask: mask(&batch.attention_mask, shape, device)?,
        positions: Tensor::from_vec(batch.positions, masked, &Device::Cpu)?,
        labels: Tensor::from_vec(batch.labels, masked, &Device::Cpu)?,
        next_sentence: next_sentence.transpose()?,
    })
}

/// 1 where a token is real and 0 elsewhere, as floats on `device`.
///
/// # Errors
/// If the device fails.
pub fn mask<T: Copy + Into<u32>>(real: &[T], shape: (usize, usize), device: &Device) -> Result<Tensor> {
    let mask: Vec<f32> = real.iter().map(|&real| real.into() as f32).collect();
    Ok(cukernel::upload(&mask, shape, device)?)
}

/// Sums over pairs of sentences, of a model that predicts whether one follows the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pairs {
    /// Pairs.
    pub count: u64,
    /// Sum of their cross-entropies.
    pub loss: f64,
    /// Pairs judged correctly.
    pub correct: u64,
}

impl Pairs {
    /// Of one forward pass of `count` pairs: the sum of their cross-entropies and how many were judged correctly.
    pub fn of(count: usize, &[loss, correct]: &[f64; 2]) -> Self {
        Self { count: count as u64, loss, correct: correct as u64 }
    }

    /// Adds other pairs.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.loss += other.loss;
        self.correct += other.correct;
    }

    /// Their mean cross-entropy, if there are any.
    pub fn mean_loss(&self) -> Option<f64> {
        (self.count > 0).then(|| self.loss / self.count as f64)
    }

    /// The share judged correctly, if there are any.
    pub fn accuracy(&self) -> Option<f64> {
        (self.count > 0).then(|| self.correct as f64 / self.count as f64)
    }
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
    let mut parts = Vec::new();
    for batch in held_out.first(count, batch_size).filter(|batch| !batch.labels.is_empty()) {
        let batch = to_device(batch, model, device)?;
        let output = no_grad(|| model.forward(&batch, Mode::Eval))?;
        parts.push(Sums::of(&output, &batch)?);
    }
    let mut sums = Sums::default();
    for part in Deferred::read(parts)? {
        sums.add(&part?);
    }
    let Sums { loss, correct, masked, pairs } = sums;
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
