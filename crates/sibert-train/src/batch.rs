//! Masked batches on the model's device.

use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use sibert_data::batches::MaskedBatch;
use sibert_model::{Batch, PreTraining};

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
