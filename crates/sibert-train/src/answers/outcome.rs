//! A model's answers to each example of a set: `outcomes.json`.

use serde::{Deserialize, Serialize};

use crate::metrics::WordCounts;

/// The answers to each example of a set, as far as figures need them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Classes of the task.
    Classes(Vec<u32>),
    /// Scores.
    Scores(Vec<f32>),
    /// The labels of each text, ascending.
    Labels(Vec<Vec<u32>>),
    /// What is right in each sentence.
    Words(Vec<WordCounts>),
    /// Exact match and F1 of each question, from 0 to 1.
    Questions(Vec<(f64, f64)>),
}
