//! `sibert data`.

use clap::{Args, Subcommand};

use super::{TextArgs, at_least_one};

/// Arguments of `sibert data`.
#[derive(Debug, Args)]
pub struct DataArgs {
    /// The view of the text.
    #[command(subcommand)]
    pub view: DataView,
}

/// The subcommands of `sibert data`; each takes the text and the settings of `pretrain`.
#[derive(Debug, Subcommand)]
pub enum DataView {
    /// Count documents, tokens, lengths, used vocabulary entries and unknown tokens
    #[command(after_help = "\
Examples:
  sibert data stats --shards shards/wiki
  sibert data stats --source notes/ --tokenizer bert-base-uncased

The shards go to a temporary folder, which is removed at the end.")]
    Stats {
        /// The text
        #[command(flatten)]
        text: TextArgs,
    },
    /// Print sequences as the model sees them
    #[command(after_help = "\
Example:
  sibert data sample --shards shards/wiki --set seq_len=64 --set whole_word_masking=true

Braces hold the token to be predicted: [MASK]{horse}, or cow{horse} where a random token
replaces it, or horse{horse} where it stays. These are the sequences that pretrain trains
on with the same arguments, from step --step on.")]
    Sample {
        /// The text
        #[command(flatten)]
        text: TextArgs,
        /// Sequences to print
        #[arg(long, value_name = "N", default_value_t = 3, value_parser = at_least_one)]
        count: usize,
        /// First step of the training run to print
        #[arg(long, value_name = "STEP", default_value_t = 0)]
        step: u64,
    },
    /// Time the loader of batches, on one thread
    Bench {
        /// The text
        #[command(flatten)]
        text: TextArgs,
        /// Tokens to read
        #[arg(long, value_name = "N", default_value_t = 50_000_000, value_parser = at_least_one)]
        tokens: usize,
    },
}
