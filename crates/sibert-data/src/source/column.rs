//! The column of a Parquet schema that holds the text.

use anyhow::{Result, bail, ensure};
use parquet::basic::{ConvertedType, LogicalType, Type};
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};

use crate::parquet_file::is_json;

/// So many columns are listed where the one that was asked for is missing.
const LISTED: usize = 20;

/// The contents of each row of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    /// The text itself.
    Text,
    /// JSON, as of columns of mixed types; a string in it is the text.
    Json,
}

/// The place of the column `name`, a string in each row.
pub(super) fn find(schema: &SchemaDescriptor, name: &str) -> Result<(usize, Holds)> {
    let columns = schema.columns();
    let whole = columns.iter().position(|column| column.path().parts() == [name]);
    let Some(at) = whole.or_else(|| columns.iter().position(|column| column.path().string() == name)) else {
        bail!("{}", missing(schema, name));
    };
    let kind = kind(&columns[at]);
    ensure!(
        kind == "string",
        "column {name}: found {kind}, expected string: name one that holds text with --column NAME (pretrain: --set \
         column=NAME)"
    );
    Ok((at, if is_json(&columns[at]) { Holds::Json } else { Holds::Text }))
}

fn missing(schema: &SchemaDescriptor, name: &str) -> String {
    let below = |part: &str| part.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
    let columns: Vec<String> = schema.columns().iter().map(|column| column.path().string()).collect();
    if columns.iter().any(|column| below(column)) {
        let below: Vec<&str> = columns.iter().filter(|column| below(column)).map(String::as_str).collect();
        return format!("column {name}: found a group of {}, expected string", listed(&below));
    }
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    format!(
        "no column {name}, found {}: name the one that holds the text with --column NAME (pretrain: --set \
         column=NAME)",
        listed(&columns)
    )
}

fn listed(columns: &[&str]) -> String {
    match columns {
        [] => "none".into(),
        [first @ .., _] if first.len() >= LISTED => format!("{}, …", columns[..LISTED].join(", ")),
        _ => columns.join(", "),
    }
}

/// The type of a column, for messages; `string` is the one that is read.
fn kind(column: &ColumnDescriptor) -> String {
    if column.max_rep_level() > 0 {
        return "a list".into();
    }
    let logical = column.logical_type_ref();
    let text = matches!(logical, None | Some(LogicalType::String | LogicalType::Json | LogicalType::Enum))
        && matches!(
            column.converted_type(),
            ConvertedType::NONE | ConvertedType::UTF8 | ConvertedType::JSON | ConvertedType::ENUM
        );
    match column.physical_type() {
        Type::BYTE_ARRAY if text => "string".into(),
        physical => match column.converted_type() {
            ConvertedType::NONE => physical.to_string(),
            converted => format!("{physical} ({converted})"),
        },
    }
}
