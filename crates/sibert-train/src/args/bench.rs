//! `sibert bench`.

use clap::{Args, ValueEnum};
use sibert_model::Precision;

use super::{at_least_one, thread_count};
use crate::config::Optimizer;
use crate::device::DeviceName;

/// Arguments of `sibert bench`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sibert bench --arch sibert --batch 16 --seq 128 --hidden 256 --layers 4 --vocab 8192
  sibert bench --arch bert --threads 1 --json
  sibert bench --inference --seq 512 --batch 4
  sibert bench --optimizer spectral --set spectral.heads=apart momentum=0.8

A step draws random tokens, of which 15 % are masked, computes the gradients of the loss with
dropout 0.1, and updates every parameter as pretrain does: by default with SGD and relative
clipping for SIBERT's encoder, LAMB for its head, and AdamW for BERT. --optimizer spectral
times the whole recipe, with normalized attention and rotary positions. With --inference a
step is the encoder's forward pass. Nothing else should run at the same time.")]
pub struct BenchArgs {
    /// Architecture
    #[arg(long, value_enum, default_value_t = Arch::Sibert)]
    pub arch: Arch,
    /// Optimizer of SIBERT's encoder, or of all of BERT [default: sisgd for SIBERT, adamw for BERT]
    #[arg(long, value_enum, value_name = "RULE")]
    pub optimizer: Option<Optimizer>,
    /// Sequences per step
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = at_least_one)]
    pub batch: usize,
    /// Tokens per sequence; also the model's longest sequence
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = at_least_one)]
    pub seq: usize,
    /// Width; the feed-forward blocks are four times as wide
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = at_least_one)]
    pub hidden: usize,
    /// Layers of the encoder
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = at_least_one)]
    pub layers: usize,
    /// Attention heads; divides the width [default: the width over 64]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub heads: Option<usize>,
    /// Entries of the vocabulary
    #[arg(long, value_name = "N", default_value_t = 8192, value_parser = at_least_one)]
    pub vocab: usize,
    /// Timed steps
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = at_least_one)]
    pub steps: usize,
    /// Untimed steps before them
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub warmup: usize,
    /// Sequences per forward and backward pass; divides the batch [default: the batch]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub micro_batch: Option<usize>,
    /// f32, bf16 for matrix products in bfloat16, or bf16x3 for three of them; sums and parameters stay f32
    #[arg(long, value_name = "PRECISION", default_value_t = Precision::F32)]
    pub precision: Precision,
    /// Set any config key of the model and its rule, such as spectral.heads=apart
    #[arg(long, value_name = "KEY=VALUE", num_args = 1..)]
    pub set: Vec<String>,
    /// Print the time of each operation
    #[arg(long, conflicts_with_all = ["json", "inference"])]
    pub profile: bool,
    /// CPU threads [default: every core]
    #[arg(long, value_name = "N", value_parser = thread_count())]
    pub threads: Option<u32>,
    /// cpu, cuda, cuda:N or metal
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: DeviceName,
    /// Time the forward pass of the encoder, without gradients and dropout
    #[arg(long)]
    pub inference: bool,
    /// Print one line of JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// Architectures that `bench` can time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Arch {
    /// The scale-invariant encoder
    Sibert,
    /// The plain BERT baseline
    Bert,
}
