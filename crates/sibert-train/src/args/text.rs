//! The text that a command reads, and how it reads it.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use sibert_data::source::DocumentSplit;

/// A text, and the settings it is read with.
#[derive(Clone, Debug, Default, Args)]
pub struct TextArgs {
    /// Config file [default: built-in settings for the built-in corpus, your own text, or --init]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Files, folders, globs or hf:// data sets: text, JSON lines, CSV, TSV or parquet [default: the built-in corpus]
    #[arg(long, alias = "text", value_name = "SOURCE", num_args = 1..)]
    pub source: Vec<String>,
    /// Share of each source in the training tokens [default: every document once an epoch]
    #[arg(long, value_name = "W", num_args = 1..)]
    pub weights: Vec<f64>,
    /// Text to evaluate on, in place of a held-out part of the sources
    #[arg(long, value_name = "SOURCE", num_args = 1..)]
    pub validation: Vec<String>,
    /// Shards from sibert prepare, in place of sources
    #[arg(long, value_name = "DIR", conflicts_with_all = ["source", "validation"])]
    pub shards: Option<PathBuf>,
    /// A tokenizer's file or folder, or a model of the hub [default: learn one from the text]
    #[arg(long, value_name = "TOKENIZER")]
    pub tokenizer: Option<String>,
    /// Count lines and rows that cannot be read, and continue, instead of stopping at the first
    #[arg(long)]
    pub skip_bad: bool,
    /// Set any config key, such as lr=1e-3 or model.hidden_size=128
    #[arg(long, value_name = "KEY=VALUE", num_args = 1..)]
    pub set: Vec<String>,
}

/// Where text comes from and what a document is in it.
#[derive(Clone, Debug, Args)]
pub struct SourceArgs {
    /// Files, folders, globs or hf:// data sets: text, JSON lines, CSV, TSV or parquet
    #[arg(long = "source", value_name = "SOURCE", num_args = 1.., required = true)]
    pub sources: Vec<String>,
    /// End of a document in text files
    #[arg(long, value_enum, value_name = "WHERE", default_value = "blank_line")]
    pub documents: DocumentEnd,
    /// Field of JSON lines that holds the text, a.b is field b of the object a; column of csv and tsv files
    #[arg(long, value_name = "NAME", default_value = "text")]
    pub field: String,
    /// Column of parquet files with the text; a.b is column b of the group a
    #[arg(long, value_name = "NAME", default_value = "text")]
    pub column: String,
    /// Count lines and rows that cannot be read, and continue, instead of stopping at the first
    #[arg(long)]
    pub skip_bad: bool,
}

/// The end of a document in text files, as an option.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum DocumentEnd {
    /// A blank line.
    BlankLine,
    /// The end of the file only.
    PerFile,
    /// Every line is a document.
    PerLine,
}

impl From<DocumentEnd> for DocumentSplit {
    fn from(end: DocumentEnd) -> Self {
        match end {
            DocumentEnd::BlankLine => Self::BlankLine,
            DocumentEnd::PerFile => Self::PerFile,
            DocumentEnd::PerLine => Self::PerLine,
        }
    }
}
