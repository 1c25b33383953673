//! Documents of plain text.

use std::path::Path;

use anyhow::{Result, ensure};

use super::lines::Lines;
use super::{Document, DocumentSplit, InputFile, LeftOut};

/// An open text file.
pub(super) struct TextFile {
    lines: Lines,
    split: DocumentSplit,
}

impl TextFile {
    pub(super) fn open(file: &InputFile, path: &Path, split: DocumentSplit) -> Result<Self> {
        Ok(Self { lines: Lines::open(file, path)?, split })
    }

    /// The next document of the file; `None` at its end.
    pub(super) fn document(&mut self, left_out: &mut LeftOut) -> Result<Option<Document>> {
        let mut text = String::new();
        let longest = self.lines.longest();
        while let Some(line) = self.lines.next(left_out)? {
            let blank = line.trim().is_empty();
            let fits = text.len() + line.len() <= longest;
            if fits && !(blank && text.is_empty()) {
                text.reserve(line.len() + 1);
                text.push_str(line);
                text.push('\n');
            }
            ensure!(
                fits,
                "{}: the document is longer than {} MiB here: end documents with blank lines, or with --documents \
                 per_line (pretrain: --set documents=per_line)",
                self.lines.place(),
                longest >> 20
            );
            let ends = match self.split {
                DocumentSplit::BlankLine => blank,
                DocumentSplit::PerFile => false,
                DocumentSplit::PerLine => true,
            };
            if ends && !text.is_empty() {
                break;
            }
        }
        Ok(Document::trimmed(text))
    }
}

#[cfg(test)]
mod tests {
    use super::super::lines::tests::lines;
    use super::*;

    #[test]
    fn longer_documents_are_named() {
        let read = |split| {
            TextFile { lines: lines(b"12\n45\n\n12\n45\n78\n", 6), split }.document(&mut LeftOut::new(false))
        };
        let blank_line = read(DocumentSplit::BlankLine).map(|document| document.map(|found| found.text));
        assert_eq!(blank_line.ok().flatten().as_deref(), Some("12\n45"));
        let message = read(DocumentSplit::PerFile).map_err(|error| error.to_string());
        let expected = "a.txt:4: the document is longer than 0 MiB here: end documents with blank lines, or with \
                        --documents per_line (pretrain: --set documents=per_line)";
        assert_eq!(message, Err(expected.to_owned()));
    }
}
