//! Rows whose cells stand between tabs or commas.
//!
//! Where nothing is quoted a line is a row, and it is split here, since the `csv` crate passes over an empty line where a row
//! is missing. Where cells may stand in double quotes the `csv` crate reads them.

use std::io::Read;

use anyhow::{Result, anyhow, ensure};
use csv::{ReaderBuilder, StringRecord};

use super::quotes::{Quotes, TORN};

/// A row behind the last one: what ends otherwise ends within quotes.
const END: &str = "end of the table";

/// Gives `row` the number and the cells of every line.
///
/// # Errors
/// Those of `row`, behind file and line.
pub fn plain(
    name: &str,
    text: &str,
    separator: char,
    mut row: impl FnMut(usize, &[&str]) -> Result<(), String>,
) -> Result<()> {
    for (number, line) in (1..).zip(text.split('\n')) {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let cells: Vec<&str> = line.split(separator).collect();
        row(number, &cells).map_err(|why| anyhow!("{name}:{number}: {why}"))?;
    }
    Ok(())
}

/// Gives `row` the line and the cells of every row, some of which may be in double quotes; empty lines are passed over.
///
/// # Errors
/// Those of `row`, behind file and line; or if a cell goes on behind its quotes, or the table ends within them.
pub fn quoted(
    name: &str,
    text: &str,
    separator: char,
    mut row: impl FnMut(usize, &[&str]) -> Result<(), String>,
) -> Result<()> {
    let mut builder = ReaderBuilder::new();
    builder.delimiter(separator as u8).has_headers(false).flexible(true);
    let mut reader = builder.from_reader(text.as_bytes().chain(&b"\n"[..]).chain(END.as_bytes()));
    let mut record = StringRecord::new();
    let mut torn = Quotes::new(separator as u8).read(text.as_bytes()).into_iter().peekable();
    loop {
        let (line, byte) = (reader.position().line() as usize, reader.position().byte() as usize);
        let ahead = text.as_bytes().get(byte..).unwrap_or_default();
        let blank = ahead.iter().take_while(|byte| b"\r\n".contains(byte)).filter(|byte| **byte == b'\n');
        let line = line + blank.count();
        reader.read_record(&mut record).map_err(|error| anyhow!("{name}:{line}: {error}"))?;
        if reader.position().byte() as usize > text.len() + 1 {
            ensure!(
                record.len() == 1 && record.get(0) == Some(END),
                "{name}:{line}: the table ends within the double quotes that begin here or below: close them, or write \
                 quotes in a cell twice"
            );
            return Ok(());
        }
        let end = reader.position().byte();
        ensure!(torn.next_if(|torn| *torn < end).is_none(), "{name}:{line}: {TORN}");
        let cells: Vec<&str> = record.iter().collect();
        row(line, &cells).map_err(|why| anyhow!("{name}:{line}: {why}"))?;
    }
}
