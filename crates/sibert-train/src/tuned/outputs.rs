//! A model's outputs for sequences, in their order.

use anyhow::{Result, bail};
use candle_core::Device;
use sibert_data::squad::SpanLogits;
use sibert_data::task::Labels;
use sibert_model::{FineTuning, HeadKind, Mode, Precision, no_grad};

use super::{Sequence, inputs};
use crate::batch::DTYPE;
use crate::log::Progress;

/// Fewer batches go without a progress bar.
const MANY: usize = 200;

/// The output of a task's head for each sequence.
pub enum Outputs {
    /// The likeliest class, as the task counts them.
    Classes(Vec<u32>),
    /// The score, as it was trained: from 0 to 5, or a little beyond.
    Scores(Vec<f32>),
    /// The logits of start and end for each token.
    Spans(Vec<SpanLogits>),
}

/// One forward pass over the sequences, those of like lengths together, `batch_size` at a time.
///
/// # Errors
/// If a sequence does not fit the model, a logit is not a number, or the device fails.
pub fn outputs(
    model: &FineTuning,
    labels: &Labels,
    sequences: &[Sequence],
    batch_size: usize,
    precision: Precision,
    device: &Device,
) -> Result<Outputs> {
    let logits = logits(model, sequences, batch_size, precision, device)?;
    Ok(match model.head() {
        HeadKind::Classes(_) => {
            let class = |row: &Vec<f32>| labels.task_class(largest(row));
            Outputs::Classes(logits.iter().map(class).collect())
        }
        HeadKind::Score => Outputs::Scores(logits.iter().map(|row| row[0]).collect()),
        HeadKind::Span => {
            let every_other =
                |row: &[f32], first: usize| row.iter().skip(first).step_by(2).copied().collect();
            let span = |row: Vec<f32>| SpanLogits { start: every_other(&row, 0), end: every_other(&row, 1) };
            Outputs::Spans(logits.into_iter().map(span).collect())
        }
    })
}

/// The logits of each sequence: (classes), (1), or (seq · 2) for spans, padding left out.
fn logits(
    model: &FineTuning,
    sequences: &[Sequence],
    batch_size: usize,
    precision: Precision,
    device: &Device,
) -> Result<Vec<Vec<f32>>> {
    let mut by_length: Vec<usize> = (0..sequences.len()).collect();
    by_length.sort_by_key(|&index| sequences[index].len());
    let mut logits = vec![Vec::new(); sequences.len()];
    let batches = by_length.chunks(batch_size);
    let progress = (batches.len() >= MANY).then(|| Progress::new(batches.len(), 0));
    for (done, batch) in batches.enumerate() {
        let rows: Vec<&Sequence> = batch.iter().map(|&index| &sequences[index]).collect();
        let inputs = inputs(&rows, model.config().pad_token_id, device)?;
        let output = precision.scope(|| no_grad(|| model.forward(&inputs, Mode::Eval)))?;
        let values: Vec<f32> = output.to_dtype(DTYPE)?.flatten_all()?.to_vec1()?;
        let width = values.len() / batch.len();
        for (&index, row) in batch.iter().zip(values.chunks(width)) {
            let row = if model.head() == HeadKind::Span { &row[..2 * sequences[index].len()] } else { row };
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
    Ok(logits)
}

/// The first of the largest values, as `argmax` of numpy.
fn largest(row: &[f32]) -> usize {
    let mut best = 0;
    for (index, value) in row.iter().enumerate() {
        if *value > row[best] {
            best = index;
        }
    }
    best
}
