//! Batches of random tokens, each a pure function of the seed and the step.

use std::ops::Range;

use sibert_data::batches::MaskedBatch;
use sibert_model::random;

use crate::config::RunConfig;

/// Uniform tokens, each of them to be predicted with a fixed probability; nothing is replaced, nothing is padding.
pub struct RandomTokens {
    key: u64,
    vocab: u64,
    seq: usize,
    /// A word below this one means that its token is to be predicted.
    threshold: u64,
}

impl RandomTokens {
    /// The batches of these settings.
    pub fn new(config: &RunConfig) -> Self {
        Self {
            key: random::named(config.seed, "bench"),
            vocab: config.vocab_size as u64,
            seq: config.seq_len,
            threshold: (config.mask_probability * u64::MAX as f64) as u64,
        }
    }

    /// The given rows of the batch of `step`, whose first token is always to be predicted: no batch is without one.
    pub fn batch(&self, step: usize, rows: Range<usize>) -> MaskedBatch {
        let (first, count) = (rows.start * self.seq, rows.len() * self.seq);
        let key = random::fork(self.key, step as u64);
        let (tokens, masks) = (random::fork(key, 0), random::fork(key, 1));
        let token = |i: usize| (random::fork(tokens, (first + i) as u64) % self.vocab) as u32;
        let masked = |i: usize| first + i == 0 || random::fork(masks, (first + i) as u64) < self.threshold;
        let input_ids: Vec<u32> = (0..count).map(token).collect();
        let positions: Vec<u32> = (0..count).filter(|&i| masked(i)).map(|i| i as u32).collect();
        MaskedBatch {
            batch: rows.len(),
            seq_len: self.seq,
            token_type_ids: vec![0; count],
            attention_mask: vec![1; count],
            labels: positions.iter().map(|&i| input_ids[i as usize]).collect(),
            input_ids,
            positions,
            next_sentence: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> RandomTokens {
        RandomTokens::new(&RunConfig { vocab_size: 50, seq_len: 100, ..RunConfig::default() })
    }

    #[test]
    fn masking_rate_is_fifteen_percent() {
        let batch = tokens().batch(0, 0..1000);
        let rate = batch.labels.len() as f64 / batch.input_ids.len() as f64;
        assert!((rate - 0.15).abs() < 0.005, "{rate}");
    }

    #[test]
    fn micro_batches_are_cut_from_their_batch_and_steps_differ() {
        let whole = tokens().batch(3, 0..4);
        let (head, tail) = (tokens().batch(3, 0..1), tokens().batch(3, 1..4));
        assert_eq!([head.input_ids, tail.input_ids].concat(), whole.input_ids);
        assert_eq!([head.labels, tail.labels].concat(), whole.labels);
        assert_ne!(tokens().batch(4, 0..4).input_ids, whole.input_ids);
    }

    #[test]
    fn every_token_is_in_the_vocabulary_and_some_token_is_predicted() {
        for step in 0..20 {
            let batch = RandomTokens { seq: 1, ..tokens() }.batch(step, 0..1);
            assert_eq!((batch.positions.len(), &batch.labels), (1, &batch.input_ids));
            assert!(batch.input_ids.iter().all(|&id| id < 50));
        }
    }
}
