//! A masked batch, and the losses and logits that a model gives for it.

use candle_core::{DType, Result, Tensor};

use crate::ops;

/// A masked batch. Ids and labels are on the host whatever the device of the model: operations send what they need.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Token ids with masks applied, u32 (batch, seq).
    pub input_ids: Tensor,
    /// Segment of each token, u32 (batch, seq).
    pub token_type_ids: Tensor,
    /// 1 where a token is real, 0 where it is padding, in the dtype of the parameters, on the model's device (batch, seq).
    pub attention_mask: Tensor,
    /// Flat indices into (batch · seq) of the positions to predict, u32 (masked).
    pub positions: Tensor,
    /// The tokens that stood there, u32 (masked).
    pub labels: Tensor,
    /// 0 where the second segment follows the first, 1 where it is random, u32 (batch).
    pub next_sentence: Option<Tensor>,
}

/// Sums over the batch, so that micro-batches add up to their batch exactly.
#[derive(Clone, Debug)]
pub struct PretrainingOutput {
    /// Sum of the cross-entropies of the masked positions, a scalar.
    pub masked_lm_loss: Tensor,
    /// Sum of the cross-entropies of the next-sentence labels, a scalar; if the batch has any.
    pub next_sentence_loss: Option<Tensor>,
    /// The logits of the masked positions (masked, vocab), cut from the graph.
    pub logits: Tensor,
    /// The logits of the next-sentence head (batch, 2), cut from the graph; if the batch has its labels.
    pub next_sentence_logits: Option<Tensor>,
}

impl PretrainingOutput {
    /// The sums over the batch, on the model's device: nothing waits for them.
    ///
    /// Two numbers of f64, the sum of the cross-entropies of the masked positions and how many of them have their label as
    /// the most likely token; and the same two of the pairs of sentences, if the batch has labels for them.
    ///
    /// # Errors
    /// If the labels are not the batch's.
    pub fn figures(&self, batch: &Batch) -> Result<Tensor> {
        let mut numbers = vec![self.masked_lm_loss.clone(), ops::count_correct(&self.logits, &batch.labels)?];
        let pairs = self.next_sentence_loss.as_ref().zip(self.next_sentence_logits.as_ref());
        if let (Some((loss, logits)), Some(labels)) = (pairs, &batch.next_sentence) {
            numbers.extend([loss.clone(), ops::count_correct(logits, labels)?]);
        }
        let wide = |number: &Tensor| number.detach().to_dtype(DType::F64)?.reshape(1);
        Tensor::cat(&numbers.iter().map(wide).collect::<Result<Vec<_>>>()?, 0)
    }
}
