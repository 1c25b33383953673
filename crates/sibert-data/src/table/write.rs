//! A table as a file.

use std::path::Path;

use anyhow::{Result, anyhow, ensure};
use serde_json::{Map, Value};
use sibert_files::durable;

use super::{Table, ending, shown};
use crate::source::shown as shown_name;

/// Writes a table, in the format that the name of the file says: csv, tsv or JSON lines.
///
/// # Errors
/// If the name says none of them, or the file cannot be written; names it.
pub fn write(table: &Table, path: &Path) -> Result<()> {
    check_name(path)?;
    let text = match ending(path).as_str() {
        "csv" => cells(table, b',')?,
        "jsonl" | "ndjson" => json_lines(table),
        _ => cells(table, b'\t')?,
    };
    durable::replace(path, &text)?;
    Ok(())
}

/// Refuses a name that does not say what to write.
///
/// # Errors
/// Names the file, and the endings that say it.
pub fn check_name(path: &Path) -> Result<()> {
    let is_known = ["csv", "tsv", "tab", "jsonl", "ndjson"].contains(&ending(path).as_str());
    let name = shown_name(path.display());
    ensure!(is_known, "{name}: its name does not say what to write, expected .csv, .tsv or .jsonl");
    Ok(())
}

fn cells(table: &Table, separator: u8) -> Result<String> {
    let mut writer = csv::WriterBuilder::new().delimiter(separator).from_writer(Vec::new());
    writer.write_record(&table.columns)?;
    for row in &table.rows {
        writer.write_record(row.cells.iter().map(shown))?;
    }
    Ok(String::from_utf8(writer.into_inner().map_err(|error| anyhow!("{error}"))?)?)
}

fn json_lines(table: &Table) -> String {
    let object = |row: &super::Row| {
        let cells = table.columns.iter().cloned().zip(row.cells.iter().cloned());
        Value::Object(cells.collect::<Map<_, _>>()).to_string() + "\n"
    };
    table.rows.iter().map(object).collect()
}
