//! Documents of a table: a column of a file whose cells stand between commas or tabs, below their names.
//!
//! Cells may be in double quotes, as pandas and spreadsheets write them, and then hold separators, line ends and, twice,
//! quotes.

use std::collections::VecDeque;
use std::io::{BufRead, Chain, Cursor, Read};
use std::path::Path;

use anyhow::{Result, anyhow, bail, ensure};
use csv::{ByteRecord, Error, ErrorKind, Reader, ReaderBuilder};
use memchr::memchr2_iter;

use super::open::{broken, decompressed};
use super::{Compression, Document, Format, InputFile, LONGEST, LeftOut};
use crate::source::shown::shown;
use crate::table::quotes::{Quotes, TORN};

/// So many columns are listed where the one that was asked for is missing.
const LISTED: usize = 20;

/// Bytes read at a time.
const BUFFER: usize = 1 << 17;

/// A row behind the last one: what ends otherwise ends within quotes.
const END: &[u8] = b"\nend of the table";

/// An open table.
pub(super) struct TableFile {
    name: String,
    compression: Compression,
    reader: Reader<Bounded>,
    row: ByteRecord,
    /// Where it begins.
    line: u64,
    /// Whether a cell of it goes on behind its quotes.
    torn: bool,
    /// Columns in a row, and the one of the text; none in a file without a row.
    columns: Option<(usize, usize)>,
}

impl TableFile {
    pub(super) fn open(file: &InputFile, path: &Path, field: &str) -> Result<Self> {
        let delimiter = if file.format == Format::Tsv { b'\t' } else { b',' };
        let input = Bounded::new(decompressed(file, path)?, delimiter);
        let mut builder = ReaderBuilder::new();
        builder.delimiter(delimiter).has_headers(false).flexible(true).buffer_capacity(BUFFER);
        let reader = builder.from_reader(input);
        let (name, compression) = (file.name.clone(), file.compression);
        let mut table =
            Self { name, compression, reader, row: ByteRecord::new(), line: 1, torn: false, columns: None };
        if table.next()? {
            ensure!(!table.torn, "{}: {TORN}", table.place());
            let column = table.column(field)?;
            table.columns = Some((table.row.len(), column));
        }
        Ok(table)
    }

    /// The next document of the file, `None` at its end; counts what is left out.
    pub(super) fn document(&mut self, left_out: &mut LeftOut) -> Result<Option<Document>> {
        let Some((columns, column)) = self.columns else { return Ok(None) };
        while self.next()? {
            match self.cell(columns, column).map(Document::trimmed) {
                Ok(Some(document)) => return Ok(Some(document)),
                Ok(None) => left_out.empty += 1,
                Err(reason) => left_out.refuse(reason)?,
            }
        }
        Ok(None)
    }

    /// The cell of the current row that holds the text.
    fn cell(&self, columns: usize, column: usize) -> Result<String> {
        ensure!(!self.torn, "{}: {TORN}", self.place());
        if self.row.len() != columns {
            bail!(
                "{}: found {} cells, expected {columns}, as in the first row: a cell that holds the separator is put in \
                 double quotes",
                self.place(),
                self.row.len()
            );
        }
        let cell = self.row.get(column).unwrap_or_default();
        let text = std::str::from_utf8(cell).map_err(|error| {
            let (at, place) = (error.valid_up_to(), self.place());
            anyhow!(
                "{place}: not UTF-8 (found 0x{:02x} at byte {at} of the text): convert the file, for instance: iconv -f \
                 LATIN1 -t UTF-8",
                cell[at]
            )
        })?;
        Ok(text.to_owned())
    }

    /// Reads a row; false behind the last one.
    fn next(&mut self) -> Result<bool> {
        self.reader.get_mut().left = LONGEST;
        let found = self.reader.read_byte_record(&mut self.row);
        let (start, end) =
            (self.row.position().map_or(0, csv::Position::byte), self.reader.position().byte());
        let input = self.reader.get_mut();
        (self.line, self.torn) = (input.line_at(start), false);
        while input.torn.pop_front_if(|torn| *torn < end).is_some() {
            self.torn = true;
        }
        let ended = input.ended;
        if !found.map_err(|error| self.failed(error))? || !ended {
            return Ok(!ended);
        }
        ensure!(
            self.row.len() == 1 && self.row.get(0) == END.get(1..),
            "{}: the table ends within the double quotes that begin here or below: close them, or write quotes in a cell \
             twice",
            self.place()
        );
        Ok(false)
    }

    /// The column named `field` of the first row.
    fn column(&self, field: &str) -> Result<usize> {
        let names: Vec<_> = self.row.iter().map(|name| String::from_utf8_lossy(name)).collect();
        let named: Vec<usize> = (0..names.len()).filter(|column| names[*column] == field).collect();
        match named[..] {
            [] => {}
            [column] => return Ok(column),
            [first, second, ..] => bail!(
                "{}: columns {} and {} are both named {field}: rename one",
                self.name,
                first + 1,
                second + 1
            ),
        }
        let more = if names.len() > LISTED { ", …" } else { "" };
        let names = shown(names[..names.len().min(LISTED)].join(", "));
        bail!(
            "{}: no column {field}, found {names}{more}: name the one that holds the text with --field NAME (pretrain: \
             --set field=NAME)",
            self.name
        )
    }

    /// `FILE:LINE` where the current row begins.
    fn place(&self) -> String {
        format!("{}:{}", self.name, self.line)
    }

    fn failed(&self, error: Error) -> anyhow::Error {
        let read = self.reader.get_ref().read;
        match error.into_kind() {
            ErrorKind::Io(error) if error.kind() == std::io::ErrorKind::FileTooLarge => anyhow!(
                "{}: the row is longer than {} MiB: are its double quotes closed?",
                self.place(),
                LONGEST >> 20
            ),
            ErrorKind::Io(error) => broken(&self.name, self.compression, read, error),
            other => anyhow!("{}: {other:?}", self.name),
        }
    }
}

/// A file of which no more than so many bytes are read for a row, and whose lines are counted.
struct Bounded {
    input: Chain<Box<dyn BufRead + Send>, Cursor<&'static [u8]>>,
    left: usize,
    read: u64,
    ended: bool,
    /// Where the lines begin that were read and not yet asked for; a `\n` behind a `\r` belongs to the line it begins.
    starts: VecDeque<u64>,
    /// Lines that begin before them.
    lines: u64,
    /// The byte behind the last `\r`.
    behind_return: u64,
    quotes: Quotes,
    /// Where cells go on behind their quotes, of the rows that were not yet asked for.
    torn: VecDeque<u64>,
}

impl Bounded {
    fn new(input: Box<dyn BufRead + Send>, separator: u8) -> Self {
        Self {
            input: input.chain(Cursor::new(END)),
            left: LONGEST,
            read: 0,
            ended: false,
            starts: VecDeque::new(),
            lines: 1,
            behind_return: u64::MAX,
            quotes: Quotes::new(separator),
            torn: VecDeque::new(),
        }
    }

    /// The number of the line of a byte, which must be behind those asked for before.
    fn line_at(&mut self, byte: u64) -> u64 {
        while self.starts.pop_front_if(|start| *start <= byte).is_some() {
            self.lines += 1;
        }
        self.lines
    }

    fn count_lines(&mut self, bytes: &[u8]) {
        self.torn.extend(self.quotes.read(bytes));
        for at in memchr2_iter(b'\n', b'\r', bytes) {
            let place = self.read + at as u64;
            if bytes[at] == b'\r' {
                self.behind_return = place + 1;
            } else if place == self.behind_return {
                continue;
            }
            self.starts.push_back(place + 1);
        }
        self.read += bytes.len() as u64;
    }
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        let room = buffer.len().min(self.left);
        let read = self.input.read(&mut buffer[..room])?;
        self.ended |= read == 0;
        self.left -= read;
        self.count_lines(&buffer[..read]);
        Ok(read)
    }
}
