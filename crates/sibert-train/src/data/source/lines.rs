//! The lines of a file: UTF-8, of bounded length, known by number and byte offset.

use std::io::{BufRead, Read};
use std::path::Path;
use std::str::Utf8Error;

use anyhow::{Result, anyhow, ensure};

use super::open::{broken, decompressed};
use super::{Compression, InputFile, LONGEST};

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A buffer that grew beyond this is not kept for the next line.
const KEPT: usize = 1 << 20;

/// The lines of an open file; they end in `\n` or `\r\n`.
pub(super) struct Lines {
    name: String,
    compression: Compression,
    reader: Box<dyn BufRead + Send>,
    line: Vec<u8>,
    number: u64,
    offset: u64,
    longest: usize,
}

impl Lines {
    pub(super) fn open(file: &InputFile, path: &Path) -> Result<Self> {
        let reader = decompressed(file, path)?;
        Ok(Self::new(file.name.clone(), file.compression, reader))
    }

    fn new(name: String, compression: Compression, reader: Box<dyn BufRead + Send>) -> Self {
        Self { name, compression, reader, line: Vec::new(), number: 0, offset: 0, longest: LONGEST }
    }

    /// `FILE:LINE` of the line that was read last.
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.name, self.number)
    }

    /// Most bytes that a line or a document may have.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// The next line without its end; `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<&str>> {
        let start = self.offset;
        self.fill()?;
        if self.line.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        self.offset += self.line.len() as u64;
        ensure!(
            self.line.len() <= self.longest,
            "{}: the line is longer than {} MiB: break it up, or leave it out",
            self.place(),
            self.longest >> 20
        );
        let line = std::str::from_utf8(&self.line).map_err(|error| self.not_utf8(start, error))?;
        let line = line.trim_end_matches(['\n', '\r']);
        Ok(Some(if start == 0 { line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line) } else { line }))
    }

    /// Reads a line into the buffer, and hardly more of it than is allowed.
    fn fill(&mut self) -> Result<()> {
        self.line.clear();
        self.line.shrink_to(KEPT);
        let most = self.longest as u64 + 1;
        let read = self.reader.by_ref().take(most).read_until(b'\n', &mut self.line);
        let offset = self.offset + self.line.len() as u64;
        read.map(|_| ()).map_err(|error| broken(&self.name, self.compression, offset, error))
    }

    fn not_utf8(&self, line_start: u64, error: Utf8Error) -> anyhow::Error {
        let at = error.valid_up_to();
        let (name, offset, byte) = (&self.name, line_start + at as u64, self.line[at]);
        let encoding = match self.line[..] {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] if line_start == 0 => "UTF-16",
            _ => "LATIN1",
        };
        anyhow!(
            "{name}: byte offset {offset}: not UTF-8 (found 0x{byte:02x}): remove the byte, or convert the file, \
             for instance: iconv -f {encoding} -t UTF-8"
        )
    }
}

#[cfg(test)]
#[path = "tests/lines.rs"]
pub(super) mod tests;
