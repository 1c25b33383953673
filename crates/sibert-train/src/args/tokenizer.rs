//! `sibert tokenizer`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{SourceArgs, at_least_one, thread_count};

/// The subcommands of `sibert tokenizer`.
#[derive(Debug, Subcommand)]
pub enum TokenizerCommand {
    /// Learn a WordPiece tokenizer from text
    Train(TrainTokenizerArgs),
    /// Print the token ids of each line of a text
    Encode(EncodeArgs),
}

/// Arguments of `sibert tokenizer train`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sibert tokenizer train --source books/ --out tokenizer --vocab-size 8192
  sibert tokenizer train --source notes.txt letters/ --documents per_line --cased --out cased

Writes tokenizer.json, vocab.txt and tokenizer_config.json, which sibert, tokenizers and
transformers read. The same text gives the same files on any number of threads. Memory is
bounded: above 4 million distinct words the rarest are dropped.")]
pub struct TrainTokenizerArgs {
    /// Where the text comes from
    #[command(flatten)]
    pub sources: SourceArgs,
    /// Folder for the files of the tokenizer
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Entries of the vocabulary, special tokens included
    #[arg(long, value_name = "N", default_value_t = 30_522, value_parser = at_least_one)]
    pub vocab_size: usize,
    /// Keep capital letters and accents
    #[arg(long)]
    pub cased: bool,
    /// CPU threads [default: every core]
    #[arg(long, value_name = "N", value_parser = thread_count())]
    pub threads: Option<u32>,
    /// Replace existing files
    #[arg(long)]
    pub force: bool,
}

/// Arguments of `sibert tokenizer encode`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sibert tokenizer encode --tokenizer runs/own notes.txt
  sibert tokenizer encode --tokenizer google-bert/bert-base-uncased --tokens notes.txt

Prints one line of ids for each line of the text, with [CLS] and [SEP].")]
pub struct EncodeArgs {
    /// A tokenizer's file or folder, a model's folder, a run, or a model of the hub
    #[arg(long, value_name = "TOKENIZER")]
    pub tokenizer: String,
    /// Print tokens instead of ids
    #[arg(long)]
    pub tokens: bool,
    /// Text files in UTF-8
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
}
