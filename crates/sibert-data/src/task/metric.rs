//! The figures by which predictions are judged.

use serde::{Deserialize, Serialize};

/// A figure by which predictions are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Share of right predictions.
    Accuracy,
    /// Harmonic mean of precision and recall of the second class; for SQuAD the mean over questions, in percent.
    F1,
    /// Matthews' correlation coefficient.
    Matthews,
    /// Pearson's correlation coefficient.
    Pearson,
    /// Spearman's rank correlation coefficient.
    Spearman,
    /// Share of answers that equal a given one once normalised, in percent.
    ExactMatch,
}

impl Metric {
    /// Its name in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Metric::Accuracy => "accuracy",
            Metric::F1 => "f1",
            Metric::Matthews => "matthews",
            Metric::Pearson => "pearson",
            Metric::Spearman => "spearman",
            Metric::ExactMatch => "exact_match",
        }
    }
}
