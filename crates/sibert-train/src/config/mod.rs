//! Settings of a pretraining run: defaults, then a TOML file, then flags, then `--set`.
//!
//! [`RunConfig::load`] is the border: the settings behind it are complete and checked. A run writes them to `config.toml`
//! in its folder, and loading that file gives the same run.

mod changes;
mod clip;
mod diagnose;
mod intrinsic_lr;
mod load;
mod model;
mod optimizer;
mod resolve;
mod schedule;
mod spectral;
mod start;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod texts;
mod validate;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sibert_model::Precision;

pub use intrinsic_lr::IntrinsicLr;
pub use load::{read_set, sweep_of};
pub use model::ModelSettings;
pub use optimizer::{ANGLE, GeneralRule, HeadConfig, MUON_MOMENTUM, MUON_RATE, Optimizer, head_angle};
pub use schedule::{ScheduleConfig, ScheduleKind};
pub use spectral::{Polar, SpectralSettings};
pub use start::Start;
pub use validate::{MOST_THREADS, precision_on};

use sibert_data::Packing;
use sibert_data::builtin::DEFAULT_SENTENCES;
use sibert_data::masking::MaskingSettings;
use sibert_data::source::DocumentSplit;

use crate::device::DeviceName;
use crate::team::GradientSums;

/// Everything a pretraining run depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunConfig {
    /// A model to continue: a folder, a run or a model of the hub. Its sizes and its tokenizer are used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<String>,
    /// Where documents come from: files, folders, globs and `hf://datasets/…`; empty is the corpus built into the
    /// program.
    #[serde(deserialize_with = "texts::one_or_many")]
    pub source: Vec<String>,
    /// Text to evaluate on, named like `source`.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "texts::one_or_many")]
    pub validation: Vec<String>,
    /// The share of each source in the training tokens; empty takes every source once an epoch.
    pub weights: Vec<f64>,
    /// A folder that `sibert prepare` made, in place of `source`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shards: Option<PathBuf>,
    /// Where one document of a text file ends and the next begins.
    pub documents: DocumentSplit,
    /// Key of a JSON line, or column of a table of cells, that holds the text.
    pub field: String,
    /// Column of a parquet file that holds the text.
    pub column: String,
    /// Whether lines and rows that cannot be read are counted and left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub skip_bad: bool,
    /// Sentences of the built-in corpus; unused when a source is given.
    pub sentences: usize,
    /// A tokenizer's file or folder, or a model of the hub; a WordPiece tokenizer is trained on the text when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<String>,
    /// Entries of the tokenizer to train; with `tokenizer`, its own size counts instead.
    pub vocab_size: usize,
    /// Whether the tokenizer to train folds capital letters and accents.
    pub lowercase: bool,
    /// Fraction of the documents kept for evaluation, below 1; 0 keeps none, and is the default with `validation`.
    pub held_out: f64,
    /// How documents become sequences.
    pub packing: Packing,
    /// Tokens in a sequence, with `[CLS]` and `[SEP]`.
    pub seq_len: usize,
    /// Fraction of a sequence's ordinary tokens to predict.
    pub mask_probability: f64,
    /// Probability that a predicted token becomes `[MASK]`.
    pub mask_replace_prob: f64,
    /// Probability that a predicted token becomes a random one; the others stay.
    pub random_replace_prob: f64,
    /// Most tokens predicted in a sequence; no limit when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_predictions_per_seq: Option<usize>,
    /// Whether all pieces of a word are predicted together.
    pub whole_word_masking: bool,
    /// Threads that make batches ahead of the trainer; the batches do not depend on it.
    pub loader_threads: usize,

    /// Seed of initialisation, order, masks and dropout.
    pub seed: u64,
    /// Folder of the run: metrics, curves, checkpoints, resolved config.
    pub out: PathBuf,
    /// Where to compute: `cpu`, `cuda`, `cuda:N` or `metal`.
    pub device: DeviceName,
    /// Numbers that matrix products multiply: `f32`, `bf16`, or `bf16x3`, the sums of two of those; sums, parameters and
    /// everything else are f32.
    pub precision: Precision,
    /// Whether a run is refused that needs more memory than there is.
    pub memory_check: bool,
    /// CPU threads; every core when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,

    /// Optimizer steps of the whole run, T.
    pub max_steps: usize,
    /// Passes over the text, in place of `max_steps`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<f64>,
    /// Sequences in one optimizer step, over all its micro-batches.
    pub batch_size: usize,
    /// Micro-batches in a share; with `shares` it divides `batch_size`.
    pub accumulation_steps: usize,
    /// Parts of a batch whose gradients are added along one fixed tree: at most so many processes can train together, and
    /// any number of them gives the same bits.
    #[serde(skip_serializing_if = "is_one")]
    pub shares: usize,
    /// Whether processes add their gradients along that tree, or faster.
    #[serde(skip_serializing_if = "is_reproducible")]
    pub gradient_sums: GradientSums,
    /// Seconds that a process waits for the others before it takes them for lost.
    #[serde(skip_serializing_if = "is_patience")]
    pub rank_timeout: u64,

    /// Optimizer of the encoder for SIBERT, of every parameter for BERT.
    pub optimizer: Optimizer,
    /// Learning rate η before the schedule; for `spectral` the angle θ of a step, in radians.
    pub lr: f64,
    /// Decoupled weight decay λ.
    pub weight_decay: f64,
    /// Total decay D = η·λ·T; sets `weight_decay` = min(D / `max_steps`, 0.1) / `lr`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<f64>,
    /// The intrinsic learning rate ηλ, or `"auto"`; sets `weight_decay` = ηλ / `lr`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intrinsic_lr: Option<IntrinsicLr>,
    /// `√C` for `sisgd`, the largest gradient norm for `sgd`; `"none"` clips nothing.
    #[serde(with = "clip")]
    pub clip: Option<f64>,
    /// Momentum μ of `sgd`, `spectral` and `muon`.
    pub momentum: f64,
    /// Factor on the encoder's initial parameters.
    pub init_scale: f64,
    /// Factor on the loss.
    pub loss_scale: f64,

    /// Steps between two lines of progress.
    pub log_every: usize,
    /// Steps between two evaluations.
    pub eval_every: usize,
    /// Held-out sequences in one evaluation.
    pub eval_sequences: usize,
    /// Steps between two checkpoints.
    pub save_every: usize,
    /// Newest checkpoints to keep, in addition to the best.
    pub keep_last: usize,
    /// Whether the run also writes the events that TensorBoard reads.
    pub tensorboard: bool,

    /// Learning rate over time.
    pub schedule: ScheduleConfig,
    /// The parts of the rule `spectral`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spectral: Option<SpectralSettings>,
    /// Training of SIBERT's head, which is not scale invariant. For BERT with `muon`: training of all parameters but the
    /// matrices. Else absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<HeadConfig>,
    /// Architecture and sizes.
    pub model: ModelSettings,
    /// The settings that `sibert sweep` varies; `pretrain` ignores them.
    #[serde(skip_serializing)]
    pub sweep: Option<SweepSettings>,
}

/// The default of `rank_timeout`.
const PATIENCE: u64 = 600;

/// A default that is not written.
#[allow(clippy::trivially_copy_pass_by_ref)] // serde calls it so
pub(crate) fn is_one(number: &usize) -> bool {
    *number == 1
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_patience(seconds: &u64) -> bool {
    *seconds == PATIENCE
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_reproducible(sums: &GradientSums) -> bool {
    *sums == GradientSums::Reproducible
}

/// The table `[sweep]`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SweepSettings {
    /// Settings to vary, each written as for `--vary`.
    pub vary: Vec<String>,
    /// Seeds for each combination, as for `--seeds`.
    pub seeds: Option<usize>,
}

impl RunConfig {
    /// The run's `metrics.jsonl`.
    pub fn metrics(&self) -> PathBuf {
        self.out.join("metrics.jsonl")
    }

    /// Where a run keeps the shards it made of its sources.
    pub fn own_shards(&self) -> PathBuf {
        self.out.join("data")
    }

    /// The settings that choose the tokens to predict and their replacements.
    pub fn masking(&self) -> MaskingSettings {
        MaskingSettings {
            mask_probability: self.mask_probability,
            mask_replace_prob: self.mask_replace_prob,
            random_replace_prob: self.random_replace_prob,
            max_predictions_per_seq: self.max_predictions_per_seq,
            whole_word_masking: self.whole_word_masking,
        }
    }

    /// The settings that all processes of a run have in common.
    pub fn same_everywhere(&self) -> Self {
        let device = match self.device {
            DeviceName::Cuda(_) => DeviceName::Cuda(0),
            device => device,
        };
        Self { device, threads: None, ..self.clone() }
    }

    /// Sequences in one forward pass.
    pub fn micro_batch_size(&self) -> usize {
        self.batch_size / self.shares / self.accumulation_steps
    }
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            init: None,
            source: Vec::new(),
            validation: Vec::new(),
            weights: Vec::new(),
            shards: None,
            documents: DocumentSplit::BlankLine,
            field: "text".into(),
            column: "text".into(),
            skip_bad: false,
            sentences: DEFAULT_SENTENCES,
            tokenizer: None,
            vocab_size: 8192,
            lowercase: true,
            held_out: 0.05,
            packing: Packing::FullSentences,
            seq_len: 128,
            mask_probability: 0.15,
            mask_replace_prob: 0.8,
            random_replace_prob: 0.1,
            max_predictions_per_seq: None,
            whole_word_masking: false,
            loader_threads: 1,
            seed: 0,
            out: "runs/sibert".into(),
            device: DeviceName::Cpu,
            precision: Precision::F32,
            memory_check: true,
            threads: None,
            max_steps: 1000,
            epochs: None,
            batch_size: 32,
            accumulation_steps: 1,
            shares: 1,
            gradient_sums: GradientSums::Reproducible,
            rank_timeout: PATIENCE,
            optimizer: Optimizer::Sisgd,
            lr: 8e-4,
            weight_decay: 0.01,
            budget: None,
            intrinsic_lr: None,
            clip: Some(2.0),
            momentum: 0.0,
            init_scale: 1.0,
            loss_scale: 1.0,
            log_every: 10,
            eval_every: 100,
            eval_sequences: 256,
            save_every: 500,
            keep_last: 2,
            tensorboard: true,
            schedule: ScheduleConfig::divided_by_ten(),
            spectral: None,
            head: None,
            model: ModelSettings::default(),
            sweep: None,
        }
    }
}
