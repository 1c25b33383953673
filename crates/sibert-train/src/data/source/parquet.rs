//! Documents of a Parquet file: one column of strings, a few rows at a time.

use std::collections::VecDeque;
use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::column::reader::ColumnReaderImpl;
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::column::{self, Holds};
use super::open::seekable;
use super::{Document, InputFile, LONGEST, LeftOut};
use crate::data::contained::contained;
use crate::data::parquet_file::{brief, json_text};

/// Most rows read at a time.
const ROWS: usize = 512;

/// Bytes that the rows read at a time should not exceed, as far as the rows before them tell.
const BATCH_BYTES: usize = 4 << 20;

/// An open Parquet file.
pub(super) struct ParquetFile {
    name: String,
    reader: SerializedFileReader<File>,
    column: usize,
    holds: Holds,
    groups: std::ops::Range<usize>,
    open: Option<RowGroup>,
    batch: VecDeque<Option<ByteArray>>, // none where the text is null
    row: u64,                           // how many were given out
}

/// The column of a row group that is being read.
struct RowGroup {
    column: ColumnReaderImpl<ByteArrayType>,
    max_level: i16, // definition level of a text that is not null
    rows_left: usize,
    batch_rows: usize,
}

impl ParquetFile {
    pub(super) fn open(file: &InputFile, path: &Path, column: &str) -> Result<Self> {
        let name = file.name.clone();
        let seekable = seekable(file, path)?;
        let reader = contained(|| Ok(SerializedFileReader::new(seekable)?)).map_err(|error| {
            anyhow!("{name}: not a complete Parquet file ({}): was it copied completely?", brief(&error))
        })?;
        let metadata = reader.metadata();
        let (column, holds) = column::find(metadata.file_metadata().schema_descr(), column)
            .map_err(|reason| anyhow!("{name}: {reason}"))?;
        let groups = 0..metadata.num_row_groups();
        Ok(Self { name, reader, column, holds, groups, open: None, batch: VecDeque::new(), row: 0 })
    }

    /// The next document of the file, `None` at its end; counts what is left out.
    pub(super) fn document(&mut self, left_out: &mut LeftOut) -> Result<Option<Document>> {
        while self.fill()? {
            while let Some(value) = self.batch.pop_front() {
                self.row += 1;
                match value.and_then(|value| self.text(&value).transpose()).transpose() {
                    Ok(Some(document)) => return Ok(Some(document)),
                    Ok(None) => left_out.empty += 1,
                    Err(reason) => left_out.refuse(reason)?,
                }
            }
        }
        Ok(None)
    }

    /// The document in a value of the current row, if there is text in it.
    fn text(&self, value: &ByteArray) -> Result<Option<Document>> {
        let place = || format!("{}: row {}", self.name, self.row);
        let bytes = value.data();
        ensure!(
            bytes.len() <= LONGEST,
            "{}: the text is longer than {} MiB: break it up, or leave it out",
            place(),
            LONGEST >> 20
        );
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let at = error.valid_up_to();
            anyhow!(
                "{}: not UTF-8 (found 0x{:02x} at byte {at} of the text), expected strings: name a column that \
                 holds text with --column NAME (pretrain: --set column=NAME)",
                place(),
                bytes[at]
            )
        })?;
        Ok(match self.holds {
            Holds::Text => Document::trimmed(text.to_owned()),
            Holds::Json => {
                let value = json_text(text).map_err(|reason| anyhow!("{}: {reason}", place()))?;
                value.and_then(Document::trimmed)
            }
        })
    }

    /// Whether there are rows in the batch, after reading more of them if there were none.
    fn fill(&mut self) -> Result<bool> {
        while self.batch.is_empty() {
            let Self { reader, column, groups, open, batch, .. } = self;
            let read = contained(|| {
                if open.is_none() {
                    let Some(group) = groups.next() else { return Ok(false) };
                    *open = Some(RowGroup::open(reader, group, *column)?);
                }
                let done = open.as_mut().map(|group| group.read(batch)).transpose()?.unwrap_or(true);
                if done {
                    *open = None;
                }
                Ok(true)
            });
            let more = read.map_err(|error| {
                let (name, row, error) = (&self.name, self.row, brief(&error));
                anyhow!("{name}: damaged after row {row} ({error}): was it copied completely?")
            })?;
            if !more {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl RowGroup {
    fn open(reader: &SerializedFileReader<File>, group: usize, column: usize) -> Result<Self> {
        let group = reader.get_row_group(group)?;
        let rows = group.metadata().num_rows();
        let rows_left = usize::try_from(rows).with_context(|| format!("a row group of {rows} rows"))?;
        let descriptor = group.metadata().schema_descr().column(column);
        let max_level = descriptor.max_def_level();
        let pages = Pages(group.get_column_page_reader(column)?);
        let column = ColumnReaderImpl::new(descriptor, Box::new(pages));
        Ok(Self { column, max_level, rows_left, batch_rows: 8 })
    }

    /// Reads some rows into `batch`; whether they were the last ones.
    fn read(&mut self, batch: &mut VecDeque<Option<ByteArray>>) -> Result<bool> {
        let (mut values, mut levels) = (Vec::new(), Vec::new());
        let wanted = self.batch_rows.min(self.rows_left);
        let (rows, ..) = self.column.read_records(wanted, Some(&mut levels), None, &mut values)?;
        ensure!(rows == wanted, "{} of its rows are missing", self.rows_left - rows);
        self.rows_left -= rows;
        let longest = values.iter().map(ByteArray::len).max().unwrap_or(0);
        self.batch_rows = (BATCH_BYTES / longest.max(1)).clamp(1, ROWS);
        let mut values = values.into_iter();
        if self.max_level == 0 {
            batch.extend(values.map(Some));
        } else {
            let defined = |level: &i16| if *level == self.max_level { values.next() } else { None };
            batch.extend(levels.iter().map(defined));
        }
        Ok(self.rows_left == 0)
    }
}

/// The pages of a column; refuses a dictionary that could not be as large as it says.
struct Pages(Box<dyn PageReader>);

impl Iterator for Pages {
    type Item = ParquetResult<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> ParquetResult<Option<Page>> {
        let page = self.0.get_next_page()?;
        if let Some(Page::DictionaryPage { buf, num_values, .. }) = &page
            && *num_values as usize > buf.len() / size_of::<u32>()
        {
            // The decoder would set aside memory for all of them.
            return Err(ParquetError::General(format!(
                "a dictionary of {num_values} in {} bytes",
                buf.len()
            )));
        }
        Ok(page)
    }

    fn peek_next_page(&mut self) -> ParquetResult<Option<PageMetadata>> {
        self.0.peek_next_page()
    }

    fn skip_next_page(&mut self) -> ParquetResult<()> {
        self.0.skip_next_page()
    }
}
