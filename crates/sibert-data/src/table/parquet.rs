//! A Parquet file as a table.

use std::path::Path;

use anyhow::Result;
use parquet::record::Field;
use serde_json::Value;

use super::{Row, Table};
use crate::parquet_file;
use crate::source::shown;

/// Reads the file at `path`.
pub fn read(path: &Path) -> Result<Table> {
    let table = parquet_file::Table::open(path)?;
    let columns: Vec<String> = table.names().into_iter().map(str::to_owned).collect();
    let listed = columns.iter().map(|column| parquet_file::class_names(table.metadata(), column)).collect();
    let mut rows = Vec::new();
    for (line, row) in (1..).zip(table.rows(None)?) {
        rows.push(Row { line, cells: row?.into_iter().map(|(_, field)| cell(&field)).collect() });
    }
    Ok(Table { file: shown(path.display()), columns, rows, listed, is_parquet: true })
}

/// A field as JSON, lists with what is in them; dates and groups as texts.
fn cell(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(value) => (*value).into(),
        Field::Byte(number) => (*number).into(),
        Field::Short(number) => (*number).into(),
        Field::Int(number) => (*number).into(),
        Field::Long(number) => (*number).into(),
        Field::UByte(number) => (*number).into(),
        Field::UShort(number) => (*number).into(),
        Field::UInt(number) => (*number).into(),
        Field::ULong(number) => (*number).into(),
        Field::Float(number) => number.to_string().parse::<f64>().map_or(Value::Null, Value::from), // its few digits
        Field::Double(number) => (*number).into(),
        Field::Str(text) => text.as_str().into(),
        Field::Bytes(bytes) => String::from_utf8_lossy(bytes.data()).into_owned().into(),
        Field::ListInternal(list) => list.elements().iter().map(cell).collect(),
        other => other.to_string().into(),
    }
}
