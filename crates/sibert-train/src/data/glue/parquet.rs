//! Parquet files of the hub: columns of strings, labels as places in a list of names or as scores.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use parquet::file::metadata::FileMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::schema::types::Type;

use super::columns::Columns;
use super::label::{Labels, Value};
use super::{Example, Found, Split};
use crate::data::contained::contained;
use crate::data::parquet_file::{brief, decoded, is_json};
use crate::data::source::shown;
use crate::task::{Kind, Task};

/// The examples in the file at `path`.
pub(super) fn read(task: Task, split: Split, path: &Path) -> Result<Found> {
    let name = shown(path.display());
    let file = File::open(path).with_context(|| format!("cannot read {name}"))?;
    let reader = contained(|| Ok(SerializedFileReader::new(file)?)).map_err(|error| {
        anyhow!("{name}: not a complete Parquet file ({}): was it copied completely?", brief(&error))
    })?;
    let metadata = reader.metadata().file_metadata();
    let names: Vec<&str> = metadata.schema().get_fields().iter().map(|field| field.name()).collect();
    let columns = Columns::find(task, split, &names).map_err(|why| anyhow!("{name}: {why}"))?;
    let labels = labels(task, split, metadata, columns.label.map(|label| names[label]))
        .map_err(|why| anyhow!("{name}: {why}"))?;
    let rows = contained(|| fields(&reader, &columns))
        .map_err(|error| anyhow!("{name}: damaged ({}): was it copied completely?", brief(&error)))?;
    let is_json = |column| {
        metadata.schema_descr().columns().iter().any(|found| {
            found.path().parts().first().map(String::as_str) == Some(names[column]) && is_json(found)
        })
    };
    let json: Vec<bool> =
        [Some(columns.text), columns.pair, columns.label].into_iter().flatten().map(is_json).collect();
    let mut found = Found::default();
    for (number, row) in (1..).zip(rows) {
        let fields =
            row.into_iter().zip(&json).map(|(field, json)| if *json { decoded(field) } else { Ok(field) });
        let example = fields.collect::<Result<_, _>>().and_then(|row| example(row, &columns, &labels));
        found.examples.push(example.map_err(|why| anyhow!("{name}: row {number}: {why}"))?);
    }
    Ok(found)
}

/// The labels of a file, by the names that it lists for the column `label`, if it does.
fn labels(task: Task, split: Split, metadata: &FileMetaData, label: Option<&str>) -> Result<Labels, String> {
    let entries = metadata.key_value_metadata().into_iter().flatten();
    let text =
        entries.into_iter().find(|entry| entry.key == "huggingface").and_then(|entry| entry.value.as_ref());
    let features: Option<serde_json::Value> = text.and_then(|text| serde_json::from_str(text).ok());
    let names = features.as_ref().zip(label).and_then(|(features, label)| {
        let names = features.get("info")?.get("features")?.get(label)?.get("names")?.as_array()?;
        names.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<Vec<String>>>()
    });
    match names {
        Some(names) if task.kind() != Kind::Score => Labels::listed(task, split, &names),
        _ => Ok(Labels::new(task, split)),
    }
}

/// The fields of every row: text, pair, label, as far as there are any.
fn fields(reader: &SerializedFileReader<File>, columns: &Columns) -> Result<Vec<Vec<Field>>> {
    let schema = reader.metadata().file_metadata().schema();
    let wanted = [Some(columns.text), columns.pair, columns.label].into_iter().flatten();
    let wanted = wanted.map(|column| Arc::clone(&schema.get_fields()[column])).collect();
    let projection = Type::group_type_builder(schema.name()).with_fields(wanted).build()?;
    let rows = reader.get_row_iter(Some(projection))?;
    rows.map(|row| Ok(row?.into_columns().into_iter().map(|(_, field)| field).collect())).collect()
}

fn example(row: Vec<Field>, columns: &Columns, labels: &Labels) -> Result<Example, String> {
    let mut fields = row.into_iter();
    let mut next = || fields.next().unwrap_or(Field::Null);
    let text = text(next())?;
    let pair = columns.pair.map(|_| self::text(next())).transpose()?;
    let label = if columns.label.is_some() { next() } else { Field::Null };
    Ok(Example { text, pair, target: labels.target(&value(&label)?)? })
}

fn text(field: Field) -> Result<String, String> {
    match field {
        Field::Str(text) => Ok(text),
        Field::Bytes(bytes) => {
            String::from_utf8(bytes.data().to_vec()).map_err(|_| "expected a text, found bytes".into())
        }
        Field::Null => Err("expected a text, found nothing".into()),
        other => Err(format!("expected a text, found {other}")),
    }
}

fn value(field: &Field) -> Result<Value<'_>, String> {
    Ok(match field {
        Field::Null => Value::Missing,
        Field::Str(text) => Value::Text(text),
        Field::Bool(value) => Value::Index((*value).into()),
        Field::Byte(value) => Value::Index((*value).into()),
        Field::Short(value) => Value::Index((*value).into()),
        Field::Int(value) => Value::Index((*value).into()),
        Field::Long(value) => Value::Index(*value),
        Field::UByte(value) => Value::Index((*value).into()),
        Field::UShort(value) => Value::Index((*value).into()),
        Field::UInt(value) => Value::Index((*value).into()),
        Field::Float(value) => Value::Number((*value).into()),
        Field::Double(value) => Value::Number(*value),
        other => return Err(format!("expected a label, found {other}")),
    })
}
