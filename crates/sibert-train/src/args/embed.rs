//! `sibert embed`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{ComputeArgs, at_least_one, one_of};

/// Arguments of `sibert embed`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sibert embed --model sentence-transformers/all-MiniLM-L6-v2 --normalize --input texts.txt --out vectors.npy
  sibert embed --model runs/quickstart/best \"a cat sleeps\" \"the cat is asleep\"      JSON lines", group = one_of("texts", ["text", "input"]))]
pub struct EmbedArgs {
    /// A model's folder, a run, or a model of the hub: org/name or org/name@revision
    #[arg(long, value_name = "MODEL")]
    pub model: String,
    /// File with a text on each line; an empty line is a text, too
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    pub input: Option<PathBuf>,
    /// File to write: .safetensors, .npy or .parquet [default: JSON lines on standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// The vector of a text: the mean of its tokens, or its first token
    #[arg(long, value_name = "POOLING", default_value = "mean")]
    pub pooling: PoolingName,
    /// Divide each vector by its length
    #[arg(long)]
    pub normalize: bool,
    /// Longest text in tokens; longer ones are cut [default: the model's positions]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub max_seq_len: Option<usize>,
    /// Texts per forward pass at most; long texts are fewer
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = at_least_one)]
    pub batch_size: usize,
    /// What it runs on
    #[command(flatten)]
    pub compute: ComputeArgs,
    /// Texts, in place of a file
    #[arg(value_name = "TEXT")]
    pub text: Vec<String>,
}

/// `mean` or `cls`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PoolingName {
    /// The mean of the last states of its tokens
    Mean,
    /// The last state of the first token
    Cls,
}
