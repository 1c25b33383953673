//! The command line, as clap reads it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use sibert_model::Precision;

use crate::config::MOST_THREADS;
use crate::device::DeviceName;

/// SIBERT: a scale-invariant BERT, pretrained by plain SGD.
#[derive(Debug, Parser)]
#[command(name = "sibert", version, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Pretrain an encoder by masked language modelling
    Pretrain(PretrainArgs),
    /// Guess the masked words of sentences
    FillMask(FillMaskArgs),
    /// Check the scale invariance of a trained model
    Verify(VerifyArgs),
    /// Draw the training curves of one run or several
    Plot(PlotArgs),
    /// Time training steps, or the forward pass, on random tokens
    Bench(BenchArgs),
}

/// Arguments of `sibert pretrain`.
#[derive(Debug, Default, Args)]
#[command(after_help = "\
Examples:
  sibert pretrain                                        a few minutes on the built-in corpus
  sibert pretrain --text book.txt notes/ --out runs/own  your own text, files and folders
  sibert pretrain --config configs/sibert-mini-cpu.toml --set lr=1e-3 --set clip=none
  sibert pretrain --out runs/own --resume                go on where that run stopped

Flags win over the config file, and --set over both. --resume without --config reads
the run's own config.toml. Each key of a config file is explained in the README.

SIGINT and SIGTERM end the step, save a checkpoint and exit with 0; a second one stops at
once. A failed run exits with 1, its earlier checkpoints intact; a wrong option with 2.")]
pub struct PretrainArgs {
    /// Config file [default: the built-in quickstart]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Text files or folders to train on [default: the built-in corpus]
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub text: Vec<PathBuf>,
    /// A tokenizer.json to use [default: train a WordPiece tokenizer on the text]
    #[arg(long, value_name = "FILE")]
    pub tokenizer: Option<PathBuf>,
    /// Folder for metrics, curves and checkpoints [default: the config's]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Optimizer steps of the whole run [default: the config's]
    #[arg(long, value_name = "N")]
    pub max_steps: Option<u32>,
    /// Seed of every random choice [default: the config's]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub seed: Option<u64>,
    /// Continue from the newest valid checkpoint of --out
    #[arg(long)]
    pub resume: bool,
    /// cpu, cuda, cuda:N or metal [default: the config's]
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<DeviceName>,
    /// Numbers that matrix products multiply, f32 or bf16 [default: the config's]
    #[arg(long, value_name = "PRECISION")]
    pub precision: Option<Precision>,
    /// CPU threads [default: every core]
    #[arg(long, value_name = "N")]
    pub threads: Option<u32>,
    /// Any config key, as in lr=1e-3 or model.hidden_size=128
    #[arg(long, value_name = "KEY=VALUE", num_args = 1..)]
    pub set: Vec<String>,
}

/// Arguments of `sibert fill-mask`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  sibert fill-mask --model runs/quickstart/best \"The capital of France is [MASK].\"")]
pub struct FillMaskArgs {
    /// Folder of the model: config.json, model.safetensors, tokenizer.json
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// Guesses per mask
    #[arg(long, value_name = "K", default_value_t = 5, value_parser = at_least_one)]
    pub top_k: usize,
    /// cpu, cuda, cuda:N or metal
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: DeviceName,
    /// Sentences that contain `[MASK]`
    #[arg(help = "Sentences that contain [MASK]", required = true, value_name = "TEXT")]
    pub text: Vec<String>,
}

/// Arguments of `sibert verify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  sibert verify --model runs/quickstart/best

Scales the encoder by 1e-2 to 1e2 and compares its output, measures how orthogonal gradients are
to parameters, and the degree of the gradient. Exits with 1 when a check fails.")]
pub struct VerifyArgs {
    /// Folder of the model: config.json, model.safetensors, tokenizer.json
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// cpu, cuda, cuda:N or metal
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: DeviceName,
    /// Seed of the random batch that is checked
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub seed: u64,
}

/// Arguments of `sibert plot`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  sibert plot runs/sibert-mini-cpu runs/bert-mini-cpu --out docs/results/mini")]
pub struct PlotArgs {
    /// Folders of runs, each with a metrics.jsonl
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// Write STEM.svg and STEM.png [default: curves, in the first run's folder]
    #[arg(long, value_name = "STEM")]
    pub out: Option<PathBuf>,
}

/// Arguments of `sibert bench`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sibert bench --arch sibert --batch 16 --seq 128 --hidden 256 --layers 4 --vocab 8192
  sibert bench --arch bert --threads 1 --json
  sibert bench --inference --seq 512 --batch 4

A step draws random tokens, of which 15 % are masked, takes the gradients of the loss with
dropout 0.1 and updates every parameter as pretrain does: SGD with relative clipping and
LAMB for SIBERT, AdamW for BERT. With --inference it is the encoder's forward pass alone.
Nothing else should run meanwhile.")]
pub struct BenchArgs {
    /// Architecture
    #[arg(long, value_enum, default_value_t = Arch::Sibert)]
    pub arch: Arch,
    /// Sequences in a step
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = at_least_one)]
    pub batch: usize,
    /// Tokens in a sequence, and the model's longest
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = at_least_one)]
    pub seq: usize,
    /// Width; the feed-forward blocks are four times as wide
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = at_least_one)]
    pub hidden: usize,
    /// Layers of the encoder
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = at_least_one)]
    pub layers: usize,
    /// Attention heads; divides the width [default: one for each 64 of it]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub heads: Option<usize>,
    /// Entries of the vocabulary
    #[arg(long, value_name = "N", default_value_t = 8192, value_parser = at_least_one)]
    pub vocab: usize,
    /// Steps that are timed
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = at_least_one)]
    pub steps: usize,
    /// Steps before them
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub warmup: usize,
    /// Sequences in a forward and backward pass; divides the batch [default: the batch]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub micro_batch: Option<usize>,
    /// Numbers that matrix products multiply, f32 or bf16; sums and parameters are f32
    #[arg(long, value_name = "PRECISION", default_value_t = Precision::F32)]
    pub precision: Precision,
    /// Print where the time goes, by operation
    #[arg(long, conflicts_with_all = ["json", "inference"])]
    pub profile: bool,
    /// CPU threads [default: every core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=MOST_THREADS as i64))]
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

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("expected at least 1".to_string()),
        Ok(number) => Ok(number),
        Err(_) => Err("expected a whole number".to_string()),
    }
}
