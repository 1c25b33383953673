//! What every reader of Parquet needs: whether a file is one, and what the library says of a damaged one.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};
use parquet::basic::{ConvertedType, LogicalType};
use parquet::record::Field;
use parquet::schema::types::ColumnDescriptor;
use serde_json::Value;

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

/// What a field of a column of JSON stands for.
///
/// # Errors
/// If it is a list or an object, or no JSON: says what.
pub fn decoded(field: Field) -> Result<Field, String> {
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
