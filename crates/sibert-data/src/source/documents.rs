//! The documents of a file, in order, read as they are asked for.

use anyhow::Result;

use super::json::JsonFile;
use super::parquet::ParquetFile;
use super::table::TableFile;
use super::text::TextFile;
use super::{Document, Format, InputFile, LeftOut, Origin, Reading};
use crate::builtin;

/// The documents of an [`InputFile`]; the first error is the last item.
pub struct Documents {
    file: InputFile,
    reading: Reading,
    state: State,
    left_out: LeftOut,
}

enum State {
    Unopened,
    Open(Reader),
    Finished,
}

enum Reader {
    Text(TextFile),
    Json(JsonFile),
    Table(Box<TableFile>),
    Parquet(Box<ParquetFile>),
    BuiltIn(std::vec::IntoIter<Document>),
}

impl InputFile {
    /// The documents of this file. It is opened by the first one that is asked for; there may be none.
    ///
    /// # Errors
    /// At once if the file cannot be opened or is not what its name says. While reading, if it is damaged, not UTF-8,
    /// or does not have the field or column that holds the text; with file, and line, row or byte offset.
    pub fn documents(&self, reading: &Reading) -> Result<Documents> {
        self.check()?;
        let left_out = LeftOut::new(reading.skip_bad);
        Ok(Documents { file: self.clone(), reading: reading.clone(), state: State::Unopened, left_out })
    }
}

impl Documents {
    /// The texts that were passed over so far.
    pub fn left_out(&self) -> &LeftOut {
        &self.left_out
    }

    fn advance(&mut self) -> Result<Option<Document>> {
        if matches!(self.state, State::Unopened) {
            self.state = State::Open(Reader::open(&self.file, &self.reading)?);
        }
        match &mut self.state {
            State::Open(Reader::Text(file)) => file.document(&mut self.left_out),
            State::Open(Reader::Json(file)) => file.document(&mut self.left_out),
            State::Open(Reader::Table(file)) => file.document(&mut self.left_out),
            State::Open(Reader::Parquet(file)) => file.document(&mut self.left_out),
            State::Open(Reader::BuiltIn(documents)) => Ok(documents.next()),
            State::Unopened | State::Finished => Ok(None),
        }
    }
}

impl Reader {
    fn open(file: &InputFile, reading: &Reading) -> Result<Self> {
        let path = match &file.origin {
            Origin::File(path) => path,
            Origin::BuiltIn { seed, sentences } => {
                return Ok(Self::BuiltIn(builtin::documents(*seed, *sentences).into_iter()));
            }
        };
        Ok(match file.format {
            Format::Text => Self::Text(TextFile::open(file, path, reading.documents)?),
            Format::JsonLines => Self::Json(JsonFile::open(file, path, &reading.field)?),
            Format::Csv | Format::Tsv => Self::Table(Box::new(TableFile::open(file, path, &reading.field)?)),
            Format::Parquet => Self::Parquet(Box::new(ParquetFile::open(file, path, &reading.column)?)),
        })
    }
}

impl Iterator for Documents {
    type Item = Result<Document>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance().transpose();
        if !matches!(next, Some(Ok(_))) {
            self.state = State::Finished;
        }
        next
    }
}
