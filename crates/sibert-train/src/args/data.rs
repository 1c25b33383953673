//! `sibert data`.

use clap::{Args, Subcommand};

use super::{TextArgs, at_least_one};

/// Arguments of `sibert data`.
#[derive(Debug, Args)]
pub struct DataArgs {
    /// What to show.
    #[command(subcommand)]
    pub view: DataView,
}

/// The subcommands of `sibert data`; each takes the text and the settings of `pretrain`.
#[derive(Debug, Subcommand)]
pub enum DataView {
    /// Count documents, tokens and lengths; how much of the vocabulary occurs, and what it cannot spell
    #[command(after_help = "\
Examples:
  sibert data stats --shards shards/wiki
  sibert data stats --source notes/ --tokenizer bert-base-uncased

Sources are prepared in a temporary folder, which is removed at the end.")]
    Stats {
        /// The text
        #[command(flatten)]
        text: TextArgs,
    },
    /// Print sequences as the model will see them
    #[command(after_help = "\
Example:
  sibert data sample --shards shards/wiki --set seq_len=64 --set whole_word_masking=true

What is to be predicted stands in braces: [MASK]{horse}, or a random word or the word
itself in its place, cow{horse} and horse{horse}. The sequences are those that pretrain
trains on with the same arguments, from step --step on.")]
    Sample {
        /// The text
        #[command(flatten)]
        text: TextArgs,
        /// Sequences to print
        #[arg(long, value_name = "N", default_value_t = 3, value_parser = at_least_one)]
        count: usize,
        /// Step of the training run whose batch they are taken from
        #[arg(long, value_name = "STEP", default_value_t = 0)]
        step: u64,
    },
    /// Time the making of batches, on one thread
    Bench {
        /// The text
        #[command(flatten)]
        text: TextArgs,
        /// Tokens to read
        #[arg(long, value_name = "N", default_value_t = 50_000_000, value_parser = at_least_one)]
        tokens: usize,
    },
}
