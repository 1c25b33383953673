//! Masked batches: pure functions of (seed, step), so that nothing of the data path needs saving.

use std::ops::Range;

use super::masking::Masking;
use super::mixture::Mixture;
use super::random::{Purpose, Stream};
use super::sequences::{Layout, Row, Sequences};
use super::tokenizer::SpecialTokens;

/// A batch as plain numbers, rows one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MaskedBatch {
    /// The number of rows.
    pub batch: usize,
    /// The length of a row.
    pub seq_len: usize,
    /// The tokens that the model sees, `(batch, seq_len)`.
    pub input_ids: Vec<u32>,
    /// The segment of each token, `(batch, seq_len)`; 1 in the second half of a pair.
    pub token_type_ids: Vec<u32>,
    /// 1 for a token, 0 for padding, `(batch, seq_len)`.
    pub attention_mask: Vec<u8>,
    /// The predicted tokens as rising indices into `input_ids`, `(masked,)`.
    pub positions: Vec<u32>,
    /// The tokens that stood at `positions`, `(masked,)`.
    pub labels: Vec<u32>,
    /// Of pairs, 1 where the second half was drawn and 0 where it follows the first, `(batch,)`.
    pub next_sentence: Option<Vec<u32>>,
}

impl MaskedBatch {
    fn with_capacity(batch: usize, seq_len: usize) -> Self {
        let len = batch * seq_len;
        Self {
            seq_len,
            input_ids: Vec::with_capacity(len),
            token_type_ids: Vec::with_capacity(len),
            attention_mask: Vec::with_capacity(len),
            ..Self::default()
        }
    }

    fn push(&mut self, row: &Row, masking: &Masking, special: SpecialTokens, draws: &mut Stream) {
        let start = self.input_ids.len();
        self.attention_mask.extend(row.ids.iter().map(|&id| u8::from(id != special.pad)));
        self.token_type_ids.extend_from_slice(&row.token_type_ids);
        self.input_ids.extend_from_slice(&row.ids);
        for masked in masking.apply(&mut self.input_ids[start..], draws) {
            self.positions.push((start + masked.position) as u32);
            self.labels.push(masked.label);
        }
        if let Some(label) = row.next_sentence {
            self.next_sentence.get_or_insert_default().push(label);
        }
        self.batch += 1;
    }
}

/// The training sequences in their endless order, paired and masked anew each time.
#[derive(Debug)]
pub struct TrainBatches {
    mixture: Mixture,
    masking: Masking,
    layout: Layout,
    batch_size: usize,
}

impl TrainBatches {
    /// Batches of `batch_size` sequences; step `s` takes the numbers `s · batch_size ..` of the mixture.
    pub fn new(mixture: Mixture, masking: Masking, layout: Layout, batch_size: usize) -> Self {
        Self { mixture, masking, layout, batch_size }
    }

    /// Sequences in a step's batch.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Sequences there are, of all sources.
    pub fn sequences(&self) -> u64 {
        self.mixture.len()
    }

    /// The whole batch of a step.
    #[cfg(test)]
    pub fn batch(&self, step: u64) -> MaskedBatch {
        self.micro_batch(step, 0..self.batch_size)
    }

    /// The given rows of the batch of `step`, each as it is in the whole batch: whoever makes the rows of a batch, and
    /// however they are shared out, they add up to it.
    pub fn micro_batch(&self, step: u64, rows: Range<usize>) -> MaskedBatch {
        let Layout { seq_len, special, seed, .. } = self.layout;
        let mut batch = MaskedBatch::with_capacity(rows.len(), seq_len);
        let mut sequence = Row::default();
        for row in rows {
            let (sequences, index) = self.mixture.at(step * self.batch_size as u64 + row as u64);
            let mut draws = Stream::new(seed, Purpose::TrainMasks, step, row as u64);
            sequences.read(index, &mut draws, &mut sequence);
            batch.push(&sequence, &self.masking, special, &mut draws);
        }
        batch
    }

    /// Passes that the first `steps` steps make over each source with a weight, or over all sources as one.
    pub fn epochs(&self, steps: u64) -> Vec<f64> {
        self.mixture.epochs(steps as f64 * self.batch_size as f64)
    }
}

/// The held-out sequences of all sources, one source after the other, each with one fixed mask.
#[derive(Debug)]
pub struct HeldOutBatches {
    sequences: Option<Sequences>,
    masking: Masking,
    seed: u64,
}

impl HeldOutBatches {
    /// Draws for a sequence are a function of (`seed`, its index) alone.
    pub fn new(sequences: Option<Sequences>, masking: Masking, seed: u64) -> Self {
        Self { sequences, masking, seed }
    }

    /// How many sequences there are.
    pub fn len(&self) -> usize {
        self.sequences.as_ref().map_or(0, Sequences::len) as usize
    }

    /// Whether nothing is held out.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All held-out sequences in order, `batch_size` at a time, the last batch being what is left.
    #[cfg(test)]
    pub fn batches(&self, batch_size: usize) -> impl Iterator<Item = MaskedBatch> {
        self.first(self.len(), batch_size)
    }

    /// The first `count` held-out sequences, or as many as there are, `batch_size` at a time.
    pub fn first(&self, count: usize, batch_size: usize) -> impl Iterator<Item = MaskedBatch> {
        let count = count.min(self.len());
        let starts = (0..count).step_by(batch_size.max(1));
        starts.map(move |start| self.rows(start..(start + batch_size.max(1)).min(count)))
    }

    fn rows(&self, rows: Range<usize>) -> MaskedBatch {
        let Some(sequences) = &self.sequences else { return MaskedBatch::default() };
        let mut batch = MaskedBatch::with_capacity(rows.len(), sequences.seq_len());
        let mut sequence = Row::default();
        for row in rows {
            let mut draws = Stream::new(self.seed, Purpose::HeldOutMasks, row as u64, 0);
            sequences.read(row as u64, &mut draws, &mut sequence);
            batch.push(&sequence, &self.masking, sequences.special(), &mut draws);
        }
        batch
    }
}

#[cfg(test)]
#[path = "batches_tests.rs"]
mod tests;
