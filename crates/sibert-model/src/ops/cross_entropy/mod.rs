//! The cross-entropy of class labels, summed over rows.

mod composed;
mod cpu;
pub(super) mod cuda;
#[cfg(test)]
mod tests;

use candle_core::{DType, Result, Tensor, bail};

use super::op;
use crate::compute::buffer::Values;

/// `L = Σ_rows (log Σ_v exp x_v − x_label)`, from logits (rows, vocab) and u32 labels (rows) to a scalar.
///
/// The rows' losses are added in f64, in order. No rows give zero, with a zero gradient. By kernels for CUDA the loss of
/// logits in bf16 is f32. The backward pass is `dx = dL · (softmax(x) − onehot(label))`.
///
/// # Errors
/// If a label is not below vocab, the shapes do not fit, `labels` is not u32 on the host, or the logits are not
/// [supported](crate::ops).
pub fn cross_entropy(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let (rows, vocab) = logits.dims2()?;
    if labels.dims() != [rows] || labels.dtype() != DType::U32 {
        let (shape, dtype) = (labels.dims(), labels.dtype().as_str());
        bail!("cross_entropy: expected {rows} labels of dtype u32, found shape {shape:?} of dtype {dtype}")
    }
    let labels = labels.contiguous()?;
    check(Values::of(&labels).slice()?, vocab)?;
    op("cross_entropy", [logits], labels, cpu::cross_entropy, cuda::cross_entropy, composed::cross_entropy)
}

/// Refuses labels that are not below `vocab`.
fn check(labels: &[u32], vocab: usize) -> Result<()> {
    match labels.iter().position(|&label| label as usize >= vocab) {
        Some(row) => {
            bail!("cross_entropy: label {} of row {row} is not below the vocabulary's {vocab}", labels[row])
        }
        None => Ok(()),
    }
}
