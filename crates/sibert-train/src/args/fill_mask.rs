//! `sibert fill-mask`.

use clap::Args;

use super::{ComputeArgs, at_least_one};

/// Arguments of `sibert fill-mask`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sibert fill-mask --model runs/quickstart/best \"The capital of France is [MASK].\"
  sibert fill-mask --model google-bert/bert-base-uncased --json \"Paris is the [MASK] of France.\"")]
pub struct FillMaskArgs {
    /// A model's folder, a run, or a model of the hub: org/name or org/name@revision
    #[arg(long, value_name = "MODEL")]
    pub model: String,
    /// Number of guesses per mask
    #[arg(long, value_name = "K", default_value_t = 5, value_parser = at_least_one)]
    pub top_k: usize,
    /// Print one JSON object per sentence: its text, and token, id and probability of each guess
    #[arg(long)]
    pub json: bool,
    /// Device, precision and threads
    #[command(flatten)]
    pub compute: ComputeArgs,
    /// Sentences that contain `[MASK]`
    #[arg(help = "Sentences that contain [MASK]", required = true, value_name = "TEXT")]
    pub text: Vec<String>,
}
