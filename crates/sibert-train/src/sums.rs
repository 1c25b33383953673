//! Sums over masked tokens and over pairs of sentences, which losses and accuracies are made of.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use sibert_model::{Batch, PretrainingOutput};
use sisgd::Deferred;

/// Sums over a step's batch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sums {
    /// Sum of the cross-entropies of its masked tokens.
    pub loss: f64,
    /// How many of them were predicted correctly.
    pub correct: usize,
    /// How many there are.
    pub masked: usize,
    /// Pairs of sentences, if the model judges them.
    pub pairs: Pairs,
}

impl Sums {
    /// Of one forward pass, whose numbers may still be on the device.
    ///
    /// # Errors
    /// If the device fails.
    pub fn of(output: &PretrainingOutput, batch: &Batch) -> Result<Deferred<Self>> {
        let (masked, pairs) = (batch.labels.dim(0)?, batch.input_ids.dim(0)?);
        Ok(Deferred::new(output.figures(batch)?, move |figures| {
            let (&[loss, correct], judged) = figures.split_first_chunk().unwrap_or((&[f64::NAN; 2], &[]));
            let pairs = judged.first_chunk().map(|figures| Pairs::of(pairs, figures)).unwrap_or_default();
            Ok(Self { loss, correct: correct as usize, masked, pairs })
        }))
    }

    /// Adds those of another part.
    pub fn add(&mut self, other: &Self) {
        self.loss += other.loss;
        self.correct += other.correct;
        self.masked += other.masked;
        self.pairs.merge(&other.pairs);
    }

    /// Those of both parts together.
    pub fn plus(mut self, other: &Self) -> Self {
        self.add(other);
        self
    }

    /// As numbers, to be sent.
    pub fn numbers(&self) -> [f64; 6] {
        let Self { loss, correct, masked, pairs } = *self;
        [loss, correct as f64, masked as f64, pairs.count as f64, pairs.loss, pairs.correct as f64]
    }

    /// What [`Sums::numbers`] were made of.
    pub fn of_numbers([loss, correct, masked, pairs, pairs_loss, pairs_correct]: [f64; 6]) -> Self {
        let pairs = Pairs { count: pairs as u64, loss: pairs_loss, correct: pairs_correct as u64 };
        Self { loss, correct: correct as usize, masked: masked as usize, pairs }
    }

    /// The mean loss of the batch: of its masked tokens, and of its pairs of sentences if the model judges them.
    pub fn mean_loss(&self) -> f64 {
        self.loss / self.masked as f64 + self.pairs.mean_loss().unwrap_or(0.)
    }
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
