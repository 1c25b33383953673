//! `sibert export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Arguments of `sibert export`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sibert export --model runs/mrpc --out mrpc.onnx                        logits of the task's classes
  sibert export --model runs/quickstart/best --part encoder --out encoder.onnx")]
pub struct ExportArgs {
    /// A model's folder, a run, or a model of the hub: org/name or org/name@revision
    #[arg(long, value_name = "MODEL")]
    pub model: String,
    /// ONNX file to write
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Part of the model to export [default: with its head, or the encoder if it has none]
    #[arg(long, value_name = "PART")]
    pub part: Option<Part>,
}

/// The part of a model that is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// The encoder: the last hidden states
    Encoder,
    /// With the head for masked words: logits of every token
    MaskedLm,
    /// With the head of a task: logits of classes, a score, or logits of start and end
    Task,
}
