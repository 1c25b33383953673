//! A file as a table, by what its name says.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use indexmap::IndexSet;
use serde_json::{Map, Value};

use super::delimited::quoted;
use super::{Row, Table, parquet, text_of};
use crate::parquet_file::is_parquet;
use crate::source::shown;

/// What the name of a file says of its format: its ending, small.
pub fn ending(path: &Path) -> String {
    path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase()).unwrap_or_default()
}

/// Refuses a compressed table, which would be taken for damaged text.
///
/// # Errors
/// Names the mend.
pub fn refuse_compressed(path: &Path) -> Result<()> {
    let is_compressed = matches!(ending(path).as_str(), "gz" | "zst" | "bz2" | "xz" | "zip");
    ensure!(!is_compressed, "{}: a table that is compressed: unpack it first", shown(path.display()));
    Ok(())
}

/// Reads the file at `path`.
pub fn read(path: &Path) -> Result<Table> {
    let name = shown(path.display());
    refuse_compressed(path)?;
    let table = if is_parquet(path)? {
        parquet::read(path)?
    } else {
        let bytes = fs::read(path).with_context(|| format!("cannot read {name}"))?;
        let text = text_of(&name, &bytes)?;
        match ending(path).as_str() {
            "parquet" => anyhow::bail!("{name}: is not parquet, as its name says: was it copied completely?"),
            "jsonl" | "ndjson" | "json" => json_lines(&name, text)?,
            "csv" => cells(&name, text, ',')?,
            "tsv" | "tab" => cells(&name, text, '\t')?,
            _ => anyhow::bail!(
                "{name}: its name does not say what it is, expected .csv, .tsv, .jsonl or .parquet: rename it"
            ),
        }
    };
    ensure!(!table.rows.is_empty(), "{name}: no rows: expected some below the names of the columns");
    Ok(table)
}

fn cells(name: &str, text: &str, separator: char) -> Result<Table> {
    let text = text.trim_end_matches(['\n', '\r']);
    ensure!(!text.is_empty(), "{name}: the file is empty: was it copied completely?");
    let (mut columns, mut rows): (Vec<String>, Vec<Row>) = Default::default();
    quoted(name, text, separator, |line, cells| {
        if columns.is_empty() {
            columns = cells.iter().map(|name| name.trim().to_owned()).collect();
            return Ok(());
        }
        if cells.len() != columns.len() {
            let (found, expected) = (cells.len(), columns.len());
            let mark = if separator == ',' { "comma" } else { "tab" };
            return Err(format!(
                "{found} column(s), expected {expected}: a cell that holds a {mark} is put in double quotes"
            ));
        }
        rows.push(Row { line, cells: cells.iter().map(|cell| Value::from(*cell)).collect() });
        Ok(())
    })?;
    Ok(Table::new(name, columns, rows))
}

fn json_lines(name: &str, text: &str) -> Result<Table> {
    let (mut columns, mut objects) = (IndexSet::new(), Vec::new());
    for (line, text) in (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty()) {
        let object: Map<String, Value> = serde_json::from_str(text).map_err(|error| {
            anyhow!("{name}:{line}: expected a JSON object on a line of its own ({error})")
        })?;
        columns.extend(object.keys().cloned());
        objects.push((line, object));
    }
    let row = |(line, mut object): (usize, Map<String, Value>)| Row {
        line,
        cells: columns.iter().map(|name| object.remove(name).unwrap_or_default()).collect(),
    };
    let rows = objects.into_iter().map(row).collect();
    let columns: Vec<String> = columns.iter().cloned().collect();
    Ok(Table::new(name, columns, rows))
}
