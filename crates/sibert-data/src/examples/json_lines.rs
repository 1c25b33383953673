//! JSON lines: an object a line, whose keys are the names of the columns.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use serde_json::{Map, Value as Json};

use super::columns::Columns;
use super::label::{Labels, Value};
use super::{Example, Found};
use crate::source::shown;
use crate::table::text_of;
use crate::task::{Split, Task};

/// The examples in the file at `path`.
pub(super) fn read(task: Task, split: Split, path: &Path) -> Result<Found> {
    let name = shown(path.display());
    let bytes = fs::read(path).with_context(|| format!("cannot read {name}"))?;
    let labels = Labels::new(task, split);
    let mut found = Found::default();
    for (number, line) in (1..).zip(text_of(&name, &bytes)?.lines()) {
        if !line.trim().is_empty() {
            let example = example(task, split, line, &labels);
            found.examples.push(example.map_err(|why| anyhow!("{name}:{number}: {why}"))?);
        }
    }
    Ok(found)
}

fn example(task: Task, split: Split, line: &str, labels: &Labels) -> Result<Example, String> {
    let object: Map<String, Json> =
        serde_json::from_str(line).map_err(|error| format!("expected a JSON object ({error})"))?;
    let names: Vec<&str> = object.keys().map(String::as_str).collect();
    let columns = Columns::find(task, split, &names)?;
    let text = |column: usize| match &object[names[column]] {
        Json::String(text) => Ok(text.clone()),
        other => Err(format!("{}: expected a text, found {other}", names[column])),
    };
    let values = columns.labels.iter().map(|label| value_of(&object[names[*label]]));
    let values = values.collect::<Result<Vec<_>, _>>()?;
    Example {
        text: text(columns.text)?,
        pair: columns.pair.map(text).transpose()?,
        target: labels.of_row(&values)?,
    }
    .checked(task)
}

fn value_of(label: &Json) -> Result<Value<'_>, String> {
    match label {
        Json::Null => Ok(Value::Missing),
        Json::String(text) => Ok(Value::Text(text)),
        Json::Bool(value) => Ok(Value::Bool(*value)),
        Json::Array(values) => Ok(Value::List(values.iter().map(value_of).collect::<Result<_, _>>()?)),
        Json::Number(number) => Ok(match number.as_i64() {
            Some(index) => Value::Index(index),
            None => Value::Number(number.as_f64().unwrap_or(f64::NAN)),
        }),
        other => Err(format!("expected a label, found {other}")),
    }
}
