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

However it was stopped, the same command goes on behind the last finished shard and ends in
the same files. On a finished folder it does nothing; if sources or settings are others than
those it was made from it says which, and --force makes it anew.")]
pub struct PrepareArgs {
    /// Where the text comes from
    #[command(flatten)]
    pub sources: SourceArgs,
    /// A tokenizer's file or folder, or a model of the hub [default: learn one from the text]
    #[arg(long, value_name = "TOKENIZER")]
    pub tokenizer: Option<String>,
    /// Entries of the vocabulary that is learned, special tokens included [default: 8192]
    #[arg(long, value_name = "N", conflicts_with = "tokenizer", value_parser = at_least_one)]
    pub vocab_size: Option<usize>,
    /// Keep capital letters and accents in the vocabulary that is learned
    #[arg(long, conflicts_with = "tokenizer")]
    pub cased: bool,
    /// Folder for the shards
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Share of each source in the training tokens [default: every document once an epoch]
    #[arg(long, value_name = "W", num_args = 1..)]
    pub weights: Vec<f64>,
    /// Text to evaluate on, all of it, in place of a part of the sources
    #[arg(long, value_name = "SOURCE", num_args = 1..)]
    pub validation: Vec<String>,
    /// Fraction of the documents that is held out, to evaluate on; 0 for none [default: 0.02, with --validation 0]
    #[arg(long, value_name = "FRACTION")]
    pub held_out: Option<f64>,
    /// Keep the starts of sentences, which pairs of sentences need
    #[arg(long)]
    pub sentences: bool,
    /// Tokens to train on after which a shard is full
    #[arg(long, value_name = "N", default_value_t = SHARD_TOKENS, value_parser = clap::value_parser!(u64).range(1..))]
    pub shard_tokens: u64,
    /// CPU threads [default: every core]
    #[arg(long, value_name = "N", value_parser = thread_count())]
    pub threads: Option<u32>,
    /// Make the shards anew, whatever the folder holds of an earlier preparation
    #[arg(long)]
    pub force: bool,
}
