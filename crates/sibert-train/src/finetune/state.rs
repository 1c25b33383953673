//! Where a seed is, and what it gave.

use serde::{Deserialize, Serialize};

use crate::tuned::Figures;

/// Where a seed is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Optimizer steps done.
    pub step: usize,
    /// The seed.
    pub seed: u64,
    /// The best evaluation so far.
    pub best: Option<Best>,
    /// Evaluations since.
    pub since_best: usize,
    /// Examples trained on.
    pub samples: u64,
    /// Seconds of training, evaluation left out.
    pub seconds: f64,
    /// The sums of the last steps' products, if they were in bfloat16; see [`crate::bf16::sums`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bf16_sums: Option<String>,
    /// Sum of the losses since the last line of `metrics.jsonl`, and their number.
    pub window: (f64, usize),
}

/// The evaluation whose checkpoint is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Optimizer steps done then.
    pub step: usize,
    /// All figures.
    pub figures: Figures,
}

/// The result of a seed: a line of `finetune.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeedResult {
    /// The seed.
    pub seed: u64,
    /// The figures of its best checkpoint.
    pub figures: Figures,
    /// Optimizer steps of that checkpoint.
    pub best_step: usize,
    /// Passes over the data until then.
    pub best_epoch: f64,
    /// Optimizer steps done; fewer than planned if it stopped early.
    pub steps: usize,
    /// Seconds of training, evaluation left out.
    pub seconds: f64,
    /// Examples trained on in a second.
    pub samples_per_second: f64,
    /// Largest memory of the process until then.
    pub peak_memory_bytes: Option<u64>,
}
