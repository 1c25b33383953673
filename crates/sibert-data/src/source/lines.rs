//! The lines of a file: UTF-8, of bounded length, known by number and byte offset.

use std::io::{BufRead, ErrorKind};
use std::path::Path;
use std::string::FromUtf8Error;

use anyhow::{Result, anyhow, ensure};
use memchr::memchr2;

use super::open::{broken, decompressed};
use super::{Compression, InputFile, LONGEST, LeftOut};

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A buffer that grew beyond this is not kept for the next line.
const KEPT: usize = 1 << 20;

/// The lines of an open file; they end in `\n`, in `\r\n`, or in a `\r` of their own.
pub(super) struct Lines {
    name: String,
    compression: Compression,
    reader: Box<dyn BufRead + Send>,
    /// The line that was read last, without its end.
    line: String,
    number: u64,
    offset: u64,
    /// Blank lines between several `\r`, which are still to come.
    blank: u64,
    longest: usize,
}

impl Lines {
    pub(super) fn open(file: &InputFile, path: &Path) -> Result<Self> {
        let reader = decompressed(file, path)?;
        Ok(Self::new(file.name.clone(), file.compression, reader))
    }

    fn new(name: String, compression: Compression, reader: Box<dyn BufRead + Send>) -> Self {
        let (line, longest) = (String::new(), LONGEST);
        Self { name, compression, reader, line, number: 0, offset: 0, blank: 0, longest }
    }

    /// `FILE:LINE` of the line that was read last.
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.name, self.number)
    }

    /// Most bytes that a line or a document may have.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// The next line without its end; `None` at the end of the file. Lines that are not UTF-8 count as left out.
    pub(super) fn next(&mut self, left_out: &mut LeftOut) -> Result<Option<&str>> {
        loop {
            let start = self.offset;
            let Some(bytes) = self.bytes()? else { return Ok(None) };
            self.number += 1;
            ensure!(
                bytes.len() <= self.longest,
                "{}: the line is longer than {} MiB: break it up, or leave it out",
                self.place(),
                self.longest >> 20
            );
            match String::from_utf8(bytes) {
                Ok(line) => self.line = line,
                Err(error) => {
                    left_out.refuse(self.not_utf8(start, &error))?;
                    continue;
                }
            }
            let line = self.line.as_str();
            return Ok(Some(if start == 0 {
                line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line)
            } else {
                line
            }));
        }
    }

    /// The bytes of a line without its end, and hardly more of them than are allowed.
    fn bytes(&mut self) -> Result<Option<Vec<u8>>> {
        let mut line = std::mem::take(&mut self.line).into_bytes();
        line.clear();
        line.shrink_to(KEPT);
        if self.blank > 0 {
            self.blank -= 1;
            return Ok(Some(line));
        }
        let start = self.offset;
        while line.len() <= self.longest {
            let most = self.longest + 1 - line.len();
            let ahead = self.ahead()?;
            let ahead = &ahead[..ahead.len().min(most)];
            let (end, length) = (memchr2(b'\n', b'\r', ahead), ahead.len());
            line.extend_from_slice(&ahead[..end.unwrap_or(length)]);
            let is_return = end.is_some_and(|end| ahead[end] == b'\r');
            self.consume(end.map_or(length, |end| end + 1));
            if is_return {
                self.returns()?;
            }
            if end.is_some() || length == 0 {
                break;
            }
        }
        Ok((self.offset > start).then_some(line))
    }

    /// Takes what follows a `\r`: all up to a `\n` is one end, else each `\r` is.
    fn returns(&mut self) -> Result<()> {
        let mut more = 0;
        while let Some(&byte @ (b'\r' | b'\n')) = self.ahead()?.first() {
            self.consume(1);
            if byte == b'\n' {
                return Ok(());
            }
            more += 1;
        }
        self.blank = more;
        Ok(())
    }

    /// The bytes that can be read without waiting, at least one but at the end of the file.
    fn ahead(&mut self) -> Result<&[u8]> {
        loop {
            match self.reader.fill_buf() {
                Ok(_) => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(broken(&self.name, self.compression, self.offset, error)),
            }
        }
        self.reader.fill_buf().map_err(|error| broken(&self.name, self.compression, self.offset, error))
    }

    fn consume(&mut self, bytes: usize) {
        self.reader.consume(bytes);
        self.offset += bytes as u64;
    }

    fn not_utf8(&self, line_start: u64, error: &FromUtf8Error) -> anyhow::Error {
        let (at, line) = (error.utf8_error().valid_up_to(), error.as_bytes());
        let (name, offset, byte) = (&self.name, line_start + at as u64, line[at]);
        let encoding = match line {
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
