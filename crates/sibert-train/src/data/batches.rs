//! Masked batches: pure functions of (seed, step), so that nothing of the data path needs saving.

use std::ops::Range;

use super::masking::Masking;
use super::order::Order;
use super::pack::Sequences;
use super::random::{Purpose, Stream};

/// A batch as plain numbers, rows one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MaskedBatch {
    /// The number of rows.
    pub batch: usize,
    /// The length of a row.
    pub seq_len: usize,
    /// What the model sees, `(batch, seq_len)`.
    pub input_ids: Vec<u32>,
    /// The segment of each token, `(batch, seq_len)`; all 0.
    pub token_type_ids: Vec<u32>,
    /// 1 for a token, 0 for padding, `(batch, seq_len)`.
    pub attention_mask: Vec<u8>,
    /// The predicted tokens as rising indices into `input_ids`, `(masked,)`.
    pub positions: Vec<u32>,
    /// What stood at `positions`, `(masked,)`.
    pub labels: Vec<u32>,
}

impl MaskedBatch {
    fn with_capacity(batch: usize, seq_len: usize) -> Self {
        let len = batch * seq_len;
        Self { seq_len, input_ids: Vec::with_capacity(len), token_type_ids: vec![0; len], ..Self::default() }
    }

    fn push(&mut self, mut ids: Vec<u32>, masking: &Masking, pad: u32, stream: &mut Stream) {
        let start = self.input_ids.len();
        self.attention_mask.extend(ids.iter().map(|&id| u8::from(id != pad)));
        for masked in masking.apply(&mut ids, stream) {
            self.positions.push((start + masked.position) as u32);
            self.labels.push(masked.label);
        }
        self.input_ids.append(&mut ids);
        self.batch += 1;
    }
}

/// The training sequences in their endless order, masked anew each time.
#[derive(Debug)]
pub struct TrainBatches {
    sequences: Sequences,
    order: Order,
    masking: Masking,
    seed: u64,
    batch_size: usize,
}

impl TrainBatches {
    /// Batches of `batch_size` sequences; step `s` takes the sequences `s · batch_size ..` of the order.
    pub fn new(sequences: Sequences, masking: Masking, seed: u64, batch_size: usize) -> Self {
        Self { order: Order::new(sequences.len(), seed), sequences, masking, seed, batch_size }
    }

    /// The sequences behind the batches.
    pub fn sequences(&self) -> &Sequences {
        &self.sequences
    }

    /// The whole batch of a step.
    #[cfg(test)]
    pub fn batch(&self, step: u64) -> MaskedBatch {
        self.micro_batch(step, 0..self.batch_size)
    }

    /// The given rows of the batch of `step`; their masks do not depend on how the batch is cut.
    pub fn micro_batch(&self, step: u64, rows: Range<usize>) -> MaskedBatch {
        let mut batch = MaskedBatch::with_capacity(rows.len(), self.sequences.seq_len());
        for row in rows {
            let sequence = self.order.at(step * self.batch_size as u64 + row as u64);
            let mut stream = Stream::new(self.seed, Purpose::TrainMasks, step, row as u64);
            batch.push(
                self.sequences.row(sequence),
                &self.masking,
                self.sequences.special().pad,
                &mut stream,
            );
        }
        batch
    }

    /// Passes over the training sequences that the first `steps` steps make.
    pub fn epochs(&self, steps: u64) -> f64 {
        steps as f64 * self.batch_size as f64 / self.sequences.len() as f64
    }
}

/// The held-out sequences, each with one fixed mask.
#[derive(Debug)]
pub struct HeldOutBatches {
    sequences: Sequences,
    masking: Masking,
    seed: u64,
}

impl HeldOutBatches {
    /// The masks of a sequence are a function of (`seed`, its index) alone.
    pub fn new(sequences: Sequences, masking: Masking, seed: u64) -> Self {
        Self { sequences, masking, seed }
    }

    /// The sequences behind the batches.
    pub fn sequences(&self) -> &Sequences {
        &self.sequences
    }

    /// All held-out sequences in order, `batch_size` at a time, the last batch being what is left.
    pub fn batches(&self, batch_size: usize) -> impl Iterator<Item = MaskedBatch> {
        self.first(self.sequences.len(), batch_size)
    }

    /// The first `count` held-out sequences, or as many as there are, `batch_size` at a time.
    pub fn first(&self, count: usize, batch_size: usize) -> impl Iterator<Item = MaskedBatch> {
        let count = count.min(self.sequences.len());
        let starts = (0..count).step_by(batch_size.max(1));
        starts.map(move |start| self.rows(start..(start + batch_size.max(1)).min(count)))
    }

    fn rows(&self, rows: Range<usize>) -> MaskedBatch {
        let mut batch = MaskedBatch::with_capacity(rows.len(), self.sequences.seq_len());
        for row in rows {
            let mut stream = Stream::new(self.seed, Purpose::HeldOutMasks, row as u64, 0);
            batch.push(self.sequences.row(row), &self.masking, self.sequences.special().pad, &mut stream);
        }
        batch
    }
}

#[cfg(test)]
#[path = "batches_tests.rs"]
mod tests;
