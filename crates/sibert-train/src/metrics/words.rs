//! Figures of words with a label each.

use serde::{Deserialize, Serialize};
use sibert_data::task::Metric;

use super::per_class::{Counts, f1};

/// What is right in one sentence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordCounts {
    /// Its words.
    pub words: usize,
    /// Those whose label is right.
    pub right: usize,
    /// Its entities, of all types together.
    pub entities: Counts,
}

/// A figure of some sentences; NaN of no words, and of another metric.
pub fn of_words(metric: Metric, sentences: impl Iterator<Item = WordCounts>) -> f64 {
    let sum = sentences.fold(WordCounts::default(), |sum, one| WordCounts {
        words: sum.words + one.words,
        right: sum.right + one.right,
        entities: [sum.entities, one.entities].into_iter().sum(),
    });
    match metric {
        _ if sum.words == 0 => f64::NAN,
        Metric::Accuracy => sum.right as f64 / sum.words as f64,
        Metric::EntityF1 => f1(sum.entities),
        _ => f64::NAN,
    }
}
