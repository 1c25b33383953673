//! Documents of JSON lines: one field of one object a line.

use std::path::Path;

use anyhow::{Result, anyhow};

use super::field::{self, Found};
use super::lines::Lines;
use super::{Document, InputFile, LeftOut};

/// An open file of JSON lines.
pub(super) struct JsonFile {
    lines: Lines,
    field: String,
}

impl JsonFile {
    pub(super) fn open(file: &InputFile, path: &Path, field: &str) -> Result<Self> {
        Ok(Self { lines: Lines::open(file, path)?, field: field.to_owned() })
    }

    /// The next document of the file, `None` at its end; counts what is left out.
    pub(super) fn document(&mut self, left_out: &mut LeftOut) -> Result<Option<Document>> {
        while let Some(line) = self.lines.next(left_out)? {
            if line.trim().is_empty() {
                continue;
            }
            let mut text = String::new();
            match field::read(line, &self.field, &mut text) {
                Ok(Found::Text | Found::Null) => {}
                _ => {
                    let reason = field::explain(line, &self.field);
                    left_out.refuse(anyhow!("{}: {reason}", self.lines.place()))?;
                    continue;
                }
            }
            match Document::trimmed(text) {
                Some(document) => return Ok(Some(document)),
                None => left_out.empty += 1,
            }
        }
        Ok(None)
    }
}
