//! The documents of all sources, one after the other, from any place on.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::inputs::Inputs;
use crate::shards::Preparation;
use crate::source::{Document, Documents, LeftOut, Reading};

/// The place of a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// Number of the source.
    pub source: usize,
    /// Number of the file in the source.
    pub file: usize,
    /// Number of the document in the file.
    pub document: u64,
}

/// Reads documents from a place on.
pub struct Reader<'a> {
    inputs: &'a Inputs,
    reading: Reading,
    next: Position,
    open: Option<Documents>,
    /// The source before which it ends.
    end: usize,
}

/// The next item.
#[derive(Debug)]
pub enum Read {
    /// A document of the current file.
    Document(Document),
    /// The file has no more.
    End(End),
}

/// The end of a file.
#[derive(Clone, Debug)]
pub struct End {
    /// The texts that its documents do not hold.
    pub left_out: LeftOut,
    /// A line about what could not be read of it.
    pub note: Option<String>,
    /// Whether it is also the end of its source.
    pub of_source: bool,
}

impl Position {
    /// Where the reader is behind the end of a file.
    pub fn behind(self, end: &End) -> Self {
        match end.of_source {
            true => Self { source: self.source + 1, ..Self::default() },
            false => Self { file: self.file + 1, document: 0, ..self },
        }
    }
}

impl<'a> Reader<'a> {
    /// A reader whose first document is the one at `start`.
    pub fn new(inputs: &'a Inputs, preparation: &Preparation, start: Position) -> Self {
        let Preparation { documents, field, column, skip_bad, .. } = preparation.clone();
        let reading = Reading { documents, field, column, skip_bad };
        Self { inputs, reading, next: start, open: None, end: usize::MAX }
    }

    /// Of the sources to train on alone.
    pub fn without_validation(self) -> Self {
        Self { end: self.inputs.to_train_on(), ..self }
    }

    /// The next document or end of a file; `None` behind the last.
    ///
    /// # Errors
    /// If a file cannot be read, or is not the one whose digest was taken.
    pub fn read(&mut self) -> Result<Option<Read>> {
        let Position { source, file, document } = self.next;
        let Some(input) = self.inputs.get(source, file).filter(|_| source < self.end) else {
            return Ok(None);
        };
        let documents = match &mut self.open {
            Some(documents) => documents,
            closed => {
                let mut documents = input.file.documents(&self.reading)?;
                documents.by_ref().take(document as usize).try_for_each(|known| known.map(drop))?;
                closed.insert(documents)
            }
        };
        if let Some(document) = documents.next().transpose()? {
            self.next.document += 1;
            return Ok(Some(Read::Document(document)));
        }
        let left_out = documents.left_out().clone();
        let note = left_out.note(&input.file.name);
        let end = End { left_out, note, of_source: self.inputs.is_last(source, file) };
        input.ensure_unchanged()?;
        (self.next, self.open) = (self.next.behind(&end), None);
        Ok(Some(Read::End(end)))
    }
}
