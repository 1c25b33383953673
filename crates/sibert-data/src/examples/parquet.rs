//! Parquet files of the hub: columns of strings, labels as places in a list of names or as scores.

use std::path::Path;

use anyhow::{Result, anyhow};
use parquet::file::metadata::FileMetaData;
use parquet::record::Field;

use super::columns::Columns;
use super::label::{Labels, Value};
use super::{Example, Found};
use crate::parquet_file::{Table, class_names};
use crate::source::shown;
use crate::task::{Split, Task};

/// The examples in the file at `path`.
pub(super) fn read(task: Task, split: Split, path: &Path) -> Result<Found> {
    let name = shown(path.display());
    let named = |why: String| anyhow!("{name}: {why}");
    let table = Table::open(path)?;
    let columns = Columns::find(task, split, &table.names()).map_err(named)?;
    let label = columns.labels.first().map(|label| table.names()[*label].to_owned());
    let labels = labels(task, split, table.metadata(), label.as_deref()).map_err(named)?;
    let wanted: Vec<usize> = [Some(columns.text), columns.pair]
        .into_iter()
        .flatten()
        .chain(columns.labels.iter().copied())
        .collect();
    let mut rows = table.rows(Some(&wanted))?;
    let mut found = Found::default();
    while let Some(row) = rows.next() {
        let fields = row?.into_iter().map(|(_, field)| field).collect();
        let example = example(task, fields, &columns, &labels);
        found.examples.push(example.map_err(|why| anyhow!("{}: {why}", rows.place()))?);
    }
    Ok(found)
}

/// The labels of a file, by the names that it lists for the column `label`, if it does.
fn labels(task: Task, split: Split, metadata: &FileMetaData, label: Option<&str>) -> Result<Labels, String> {
    let names = label.and_then(|label| class_names(metadata, label));
    match names {
        Some(names) if !task.is_of_scores() && !task.file().marked => Labels::listed(task, split, &names),
        _ => Ok(Labels::new(task, split)),
    }
}

fn example(task: Task, row: Vec<Field>, columns: &Columns, labels: &Labels) -> Result<Example, String> {
    let mut fields = row.into_iter();
    let mut next = || fields.next().unwrap_or(Field::Null);
    let text = text(next())?;
    let pair = columns.pair.map(|_| self::text(next())).transpose()?;
    let fields: Vec<Field> = columns.labels.iter().map(|_| next()).collect();
    let values = fields.iter().map(value_of).collect::<Result<Vec<_>, _>>()?;
    Example { text, pair, target: labels.of_row(&values)? }.checked(task)
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

fn value_of(field: &Field) -> Result<Value<'_>, String> {
    Ok(match field {
        Field::Null => Value::Missing,
        Field::Str(text) => Value::Text(text),
        Field::Bool(value) => Value::Bool(*value),
        Field::ListInternal(list) => {
            Value::List(list.elements().iter().map(value_of).collect::<Result<_, _>>()?)
        }
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
