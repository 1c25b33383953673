//! The figures by which predictions are judged.

use serde::{Deserialize, Serialize};

/// A figure by which predictions are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Share of right predictions; of several labels, of texts whose labels are all right.
    Accuracy,
    /// Harmonic mean of precision and recall of the second class; for SQuAD the mean over questions, in percent.
    F1,
    /// Mean of the F1 of all classes or labels.
    F1Macro,
    /// F1 of all labels of all texts together.
    F1Micro,
    /// F1 of named entities: both ends and the type must be right.
    EntityF1,
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
    /// All of them.
    pub const ALL: [Metric; 9] = [
        Metric::Accuracy,
        Metric::F1,
        Metric::F1Macro,
        Metric::F1Micro,
        Metric::EntityF1,
        Metric::Matthews,
        Metric::Pearson,
        Metric::Spearman,
        Metric::ExactMatch,
    ];

    /// Its name in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Metric::Accuracy => "accuracy",
            Metric::F1 => "f1",
            Metric::F1Macro => "f1_macro",
            Metric::F1Micro => "f1_micro",
            Metric::EntityF1 => "entity_f1",
            Metric::Matthews => "matthews",
            Metric::Pearson => "pearson",
            Metric::Spearman => "spearman",
            Metric::ExactMatch => "exact_match",
        }
    }
}
