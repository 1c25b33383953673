//! `sibert prepare`.

use std::path::PathBuf;

use clap::Args;
use sibert_data::shards::SHARD_TOKENS;

use super::{SourceArgs, at_least_one, thread_count};

/// Arguments of `sibert prepare`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sibert prepare --source book.txt notes/ --out shards/own
  sibert prepare --source 'wiki/*.jsonl.zst' --tokenizer bert-base-uncased --out shards/wiki
  sibert prepare --source books/ wiki/ --weights 1 3 --vocab-size 16000 --out shards/mixed
  sibert prepare --source hf://datasets/wikimedia/wikipedia/20231101.simple --out shards/simple
  sibert prepare --source hf://datasets/O/N --validation hf://datasets/O/N#validation --out shards/n

After any stop the same command continues after the last finished shard and ends in the same
files. On a finished folder it does nothing. If sources or settings have changed it says which;
--force makes the shards again.")]
pub struct PrepareArgs {
    /// Where the text comes from
    #[command(flatten)]
    pub sources: SourceArgs,
    /// A tokenizer's file or folder, or a model of the hub [default: learn one from the text]
    #[arg(long, value_name = "TOKENIZER")]
    pub tokenizer: Option<String>,
    /// Entries of the learned vocabulary, special tokens included [default: 8192]
    #[arg(long, value_name = "N", conflicts_with = "tokenizer", value_parser = at_least_one)]
    pub vocab_size: Option<usize>,
    /// Keep capital letters and accents in the learned vocabulary
    #[arg(long, conflicts_with = "tokenizer")]
    pub cased: bool,
    /// Folder for the shards
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Share of each source in the training tokens [default: every document once an epoch]
    #[arg(long, value_name = "W", num_args = 1..)]
    pub weights: Vec<f64>,
    /// Text to evaluate on, in place of a held-out part of the sources
    #[arg(long, value_name = "SOURCE", num_args = 1..)]
    pub validation: Vec<String>,
    /// Fraction of the documents to hold out for evaluation; 0 holds none out [default: 0.02; 0 with --validation]
    #[arg(long, value_name = "FRACTION")]
    pub held_out: Option<f64>,
    /// Keep the starts of sentences, which sentence pairs need
    #[arg(long)]
    pub sentences: bool,
    /// Training tokens per shard
    #[arg(long, value_name = "N", default_value_t = SHARD_TOKENS, value_parser = clap::value_parser!(u64).range(1..))]
    pub shard_tokens: u64,
    /// CPU threads [default: every core]
    #[arg(long, value_name = "N", value_parser = thread_count())]
    pub threads: Option<u32>,
    /// Make the shards again, even if the folder holds others
    #[arg(long)]
    pub force: bool,
}
