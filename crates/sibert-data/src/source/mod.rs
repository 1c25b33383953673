//! From what `--source` names to documents: specs → files → documents.
//!
//! ```text
//! file · folder · glob · hf://datasets/…  ─ resolve ─▶  Source { files }  ─ InputFile::documents ─▶  Document, …
//! ```
//! The format follows from the name: `.txt` `.text`, `.jsonl` `.ndjson` `.json`, `.csv` `.tsv`, `.parquet`, each also with
//! `.gz` or `.zst` behind it; a file that is named itself is text if its name says nothing. The same corpus gives the same
//! documents in every format: blank lines at the ends of a text and white space at its end are cut off, and what
//! is empty then is no document. Everything is read as it is asked for: a file of any size takes the memory of its
//! longest line and document, of which neither may exceed 256 MiB.

mod column;
mod digest;
mod documents;
mod field;
mod find;
mod finite;
mod format;
mod glob;
mod hub;
mod json;
mod left_out;
mod lines;
mod open;
mod parquet;
mod shown;
mod table;
mod text;
mod walk;

pub use crate::document_split::DocumentSplit;
pub use documents::Documents;
pub use find::resolve;
pub use format::{Compression, Format};
pub use left_out::LeftOut;
pub use shown::shown;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Longest line and longest document, in bytes: beyond it something is wrong with the file or its settings.
const LONGEST: usize = 256 << 20;

/// A text whose sentences belong together; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The text, without blank lines at its ends.
    pub text: String,
}

impl Document {
    /// A document of `text` without the blank lines at its ends; none if nothing is left.
    fn trimmed(mut text: String) -> Option<Self> {
        text.truncate(text.trim_end().len());
        let blank = text.len() - text.trim_start().len();
        let lines = text[..blank].rfind('\n').map_or(0, |end| end + 1);
        text.drain(..lines);
        (!text.is_empty()).then_some(Self { text })
    }
}

/// A function of the caller that opens the hub.
pub type OpenHub<'a> = dyn Fn() -> anyhow::Result<sibert_hub::Hub> + 'a;

/// Where the documents are in a file; each format uses its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The end of a document in plain text.
    pub documents: DocumentSplit,
    /// Field of a JSON line that holds the text; `a.b` is field `b` of the object `a`. Of a table, the column of this name.
    pub field: String,
    /// Column of a Parquet file that holds the text; `a.b` is column `b` of the group `a`.
    pub column: String,
    /// Whether lines and rows that cannot be read are counted and left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_bad: bool,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            documents: DocumentSplit::default(),
            field: "text".into(),
            column: "text".into(),
            skip_bad: false,
        }
    }
}

/// Where the documents of an [`InputFile`] come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file on this machine.
    File(PathBuf),
    /// The corpus built into the program.
    BuiltIn {
        /// Seed of the generator.
        seed: u64,
        /// At least so many sentences.
        sentences: usize,
    },
}

/// One file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFile {
    /// The name that the user knows: a path or an `hf://` address, control characters escaped.
    pub name: String,
    /// Where it is.
    pub origin: Origin,
    /// The format of its contents, once decompressed.
    pub format: Format,
    /// How it is compressed.
    pub compression: Compression,
}

/// The files of one `--source`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The spec as it was given, control characters escaped.
    pub name: String,
    /// Its files in sorted order; at least one.
    pub files: Vec<InputFile>,
}

/// The corpus built into the program as a source: one file, which is generated as it is read.
pub fn built_in(seed: u64, sentences: usize) -> Source {
    let name = format!("the built-in corpus (seed {seed}, {sentences} sentences)");
    let origin = Origin::BuiltIn { seed, sentences };
    let file = InputFile { name: name.clone(), origin, format: Format::Text, compression: Compression::None };
    Source { name, files: vec![file] }
}

#[cfg(test)]
mod tests;
