//! Parquet files: whether a file is one, its rows, and what the library says of a damaged one.
//!
//! Tables of examples and questions are read by rows; a corpus, of which only one column of texts is wanted and which may be
//! larger than memory, is read by that column, see `source/parquet.rs`.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use parquet::basic::{ConvertedType, LogicalType};
use parquet::file::metadata::FileMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::record::reader::RowIter;
use parquet::schema::types::{ColumnDescriptor, Type};
use serde_json::Value;

use super::contained::contained;
use super::source::shown;

/// How a Parquet file begins.
const MAGIC: &[u8] = b"PAR1";
/// Longest message of the library that is passed on, in letters.
const LONGEST: usize = 200;

/// Whether a file is Parquet, by its first bytes.
///
/// # Errors
/// If it cannot be read; names it.
pub fn is_parquet(path: &Path) -> Result<bool> {
    let mut first = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut first));
    read.with_context(|| format!("cannot read {}", shown(path.display())))?;
    Ok(first == MAGIC)
}

/// Opens a file, which people know by `name`.
///
/// # Errors
/// If it is not whole; names it.
pub fn open(name: &str, file: File) -> Result<SerializedFileReader<File>> {
    contained(|| Ok(SerializedFileReader::new(file)?)).map_err(|error| {
        anyhow!("{name}: not a complete Parquet file ({}): was it copied completely?", brief(&error))
    })
}

/// The names of the classes that a column of numbers stands for, if the file lists them as `datasets` does; of a column of
/// lists, those of its elements.
pub fn class_names(metadata: &FileMetaData, column: &str) -> Option<Vec<String>> {
    let entries = metadata.key_value_metadata()?;
    let text = entries.iter().find(|entry| entry.key == "huggingface")?.value.as_ref()?;
    let features: Value = serde_json::from_str(text).ok()?;
    let feature = features.get("info")?.get("features")?.get(column)?;
    let element = feature.get("feature").or_else(|| feature.get(0)).unwrap_or(feature);
    let names = element.get("names")?.as_array()?;
    names.iter().map(|name| name.as_str().map(str::to_owned)).collect()
}

/// A file that is read row by row.
pub struct Table {
    name: String,
    reader: SerializedFileReader<File>,
}

impl Table {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// If it cannot be read or is not whole; names it.
    pub fn open(path: &Path) -> Result<Self> {
        let name = shown(path.display());
        let file = File::open(path).with_context(|| format!("cannot read {name}"))?;
        Ok(Self { reader: open(&name, file)?, name })
    }

    /// The metadata of the file.
    pub fn metadata(&self) -> &FileMetaData {
        self.reader.metadata().file_metadata()
    }

    /// The names of the columns.
    pub fn names(&self) -> Vec<&str> {
        self.metadata().schema().get_fields().iter().map(|field| field.name()).collect()
    }

    /// The rows, of these columns in this order alone, or of all.
    ///
    /// # Errors
    /// If the file is damaged; names it.
    pub fn rows(self, columns: Option<&[usize]>) -> Result<Rows> {
        let metadata = self.metadata();
        let json = metadata.schema_descr().columns().iter().filter(|column| is_json(column));
        let json = json.map(|column| column.path().string()).collect();
        let schema = metadata.schema();
        let wanted = columns.map(|columns| -> Result<Type> {
            let fields = columns.iter().map(|column| Arc::clone(&schema.get_fields()[*column])).collect();
            Ok(Type::group_type_builder(schema.name()).with_fields(fields).build()?)
        });
        let (name, wanted) = (self.name, wanted.transpose()?);
        let rows = contained(|| Ok(RowIter::from_file_into(Box::new(self.reader)).project(wanted)?));
        Ok(Rows { rows: rows.map_err(|error| damaged(&name, 0, &error))?, name, json, count: 0 })
    }
}

/// The rows of a [`Table`]: names and values of the columns, those of columns of JSON decoded.
pub struct Rows {
    name: String,
    rows: RowIter<'static>,
    json: Vec<String>,
    count: usize,
}

impl Rows {
    /// `FILE: row N` of the row that was given out last.
    pub fn place(&self) -> String {
        format!("{}: row {}", self.name, self.count)
    }

    fn decode(&self, (column, field): (String, Field)) -> Result<(String, Field)> {
        if !self.json.contains(&column) {
            return Ok((column, field));
        }
        match decoded(field) {
            Ok(field) => Ok((column, field)),
            Err(why) => Err(anyhow!("{}: column {column}: {why}", self.place())),
        }
    }
}

impl Iterator for Rows {
    type Item = Result<Vec<(String, Field)>>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = contained(|| Ok(self.rows.next().transpose()?));
        let row = next.map_err(|error| damaged(&self.name, self.count, &error)).transpose()?;
        self.count += 1;
        Some(row.and_then(|row| row.into_columns().into_iter().map(|column| self.decode(column)).collect()))
    }
}

fn damaged(name: &str, row: usize, error: &anyhow::Error) -> anyhow::Error {
    anyhow!("{name}: damaged after row {row} ({}): was it copied completely?", brief(error))
}

/// Whether a column holds JSON, as `datasets` writes one of mixed types.
pub fn is_json(column: &ColumnDescriptor) -> bool {
    matches!(column.logical_type_ref(), Some(LogicalType::Json))
        || column.converted_type() == ConvertedType::JSON
}

/// The string that `json` is; none for null.
///
/// # Errors
/// If it is something else, or no JSON: says what.
pub fn json_text(json: &str) -> Result<Option<String>, String> {
    let found = match serde_json::from_str(json) {
        Ok(Value::String(text)) => return Ok(Some(text)),
        Ok(Value::Null) => return Ok(None),
        Ok(Value::Bool(_)) => "true or false".to_owned(),
        Ok(Value::Number(number)) => format!("the number {number}"),
        Ok(Value::Array(_)) => "a list".to_owned(),
        Ok(Value::Object(_)) => "an object".to_owned(),
        Err(error) => return Err(format!("found no JSON ({error}) in a column of JSON, expected a string")),
    };
    Err(format!("found {found} in a column of JSON, expected a string"))
}

/// The value of a field of a column of JSON.
///
/// # Errors
/// If it is a list or an object, or no JSON: says what.
fn decoded(field: Field) -> Result<Field, String> {
    let Field::Str(json) = &field else { return Ok(field) };
    Ok(match serde_json::from_str(json) {
        Ok(Value::Number(number)) => match number.as_i64() {
            Some(whole) => Field::Long(whole),
            None => Field::Double(number.as_f64().unwrap_or(f64::NAN)),
        },
        Ok(Value::Bool(value)) => Field::Bool(value),
        _ => json_text(json)?.map_or(Field::Null, Field::Str),
    })
}

/// A message of the library on one line, and not a long one.
pub fn brief(error: &anyhow::Error) -> String {
    let line = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn strings_of_json_are_decoded() {
        assert_eq!(json_text(r#""say \"no\"\u00e9""#), Ok(Some("say \"no\"é".into())));
        assert_eq!(json_text("null"), Ok(None));
        assert_eq!(
            json_text("3.50").unwrap_err(),
            "found the number 3.5 in a column of JSON, expected a string"
        );
        assert!(json_text("{}").unwrap_err().starts_with("found an object in"));
        assert_eq!(decoded(Field::Str("3".into())), Ok(Field::Long(3)));
        assert_eq!(decoded(Field::Str("0.5".into())), Ok(Field::Double(0.5)));
        assert_eq!(decoded(Field::Str("\"a\"".into())), Ok(Field::Str("a".into())));
        assert_eq!(decoded(Field::Null), Ok(Field::Null));
        assert!(json_text("text").unwrap_err().starts_with("found no JSON (expected ident"));
    }

    #[test]
    fn messages_of_the_library_become_one_short_line() {
        assert_eq!(brief(&anyhow::anyhow!("a\n  b")), "a b");
        assert_eq!(brief(&anyhow::anyhow!("é".repeat(500))), "é".repeat(LONGEST) + "…");
    }
}
