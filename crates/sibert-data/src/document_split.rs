//! The end of a document in plain text.

use serde::{Deserialize, Serialize};

/// The end of a document in a text file; the end of the file always does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentSplit {
    /// A blank line.
    #[default]
    BlankLine,
    /// The end of the file only.
    PerFile,
    /// Every line is a document.
    PerLine,
}
