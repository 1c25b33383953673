//! One field of a JSON object, without building the others.
//!
//! A field is named by a path: `a.b` is `b` of the object `a`, unless there is a key that is itself `a.b`. Of equal
//! keys the last one counts.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::finite::finite;

/// So many fields are listed where the one that was asked for is missing.
const LISTED: usize = 20;

/// The value at the end of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing: there is no such field.
    Missing,
    /// `null`.
    Null,
    /// A string, which is now in the buffer.
    Text,
    /// A number, a list or whatever else holds no text.
    Other,
}

/// Looks for `field` in the object `line` and puts its text into `text`.
///
/// # Errors
/// If `line` is not JSON.
pub(super) fn read(line: &str, field: &str, text: &mut String) -> serde_json::Result<Found> {
    if !line.trim_start().starts_with('{') {
        return Ok(Found::Missing);
    }
    let mut search = |line: &str| {
        let mut json = serde_json::Deserializer::from_str(line);
        let found = Search { path: Some(field), text: &mut *text }.deserialize(&mut json)?;
        json.end()?;
        Ok(found)
    };
    search(line).or_else(|error| finite(line).map_or(Err(error), |line| search(&line)))
}

/// Looks for the rest of a path in a value; without a path the value itself is meant.
struct Search<'a> {
    path: Option<&'a str>,
    text: &'a mut String,
}

impl Search<'_> {
    /// The result for a value that is neither null, nor a string, nor an object.
    fn other<E>(self) -> Result<Found, E> {
        Ok(if self.path.is_none() { Found::Other } else { Found::Missing })
    }
}

impl<'de> DeserializeSeed<'de> for Search<'_> {
    type Value = Found;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Search<'_> {
    type Value = Found;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_str<E>(self, value: &str) -> Result<Found, E> {
        if self.path.is_some() {
            return Ok(Found::Missing);
        }
        self.text.clear();
        self.text.push_str(value);
        Ok(Found::Text)
    }

    fn visit_unit<E>(self) -> Result<Found, E> {
        Ok(Found::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Found, E> {
        self.other()
    }

    fn visit_i64<E>(self, _: i64) -> Result<Found, E> {
        self.other()
    }

    fn visit_u64<E>(self, _: u64) -> Result<Found, E> {
        self.other()
    }

    fn visit_f64<E>(self, _: f64) -> Result<Found, E> {
        self.other()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Found, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        self.other()
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found, A::Error> {
        let Some(path) = self.path else {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(Found::Other);
        };
        let (mut exact, mut inner) = (None, Found::Missing);
        while let Some(key) = map.next_key_seed(Key(path))? {
            match key {
                Match::Exact => {
                    exact = Some(map.next_value_seed(Search { path: None, text: &mut *self.text })?);
                }
                Match::Begins(rest) if exact.is_none() => {
                    inner = map.next_value_seed(Search { path: Some(rest), text: &mut *self.text })?;
                }
                Match::Begins(_) | Match::No => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(exact.unwrap_or(inner))
    }
}

/// Compares a key with a path.
struct Key<'a>(&'a str);

/// The relation of a key to a path.
enum Match<'a> {
    /// All of it.
    Exact,
    /// Its beginning; this is left.
    Begins(&'a str),
    /// Another.
    No,
}

impl<'de, 'a> DeserializeSeed<'de> for Key<'a> {
    type Value = Match<'a>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Match<'a>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'_> for Key<'a> {
    type Value = Match<'a>;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Match<'a>, E> {
        Ok(match self.0.strip_prefix(key) {
            Some("") => Match::Exact,
            Some(rest) => rest.strip_prefix('.').map_or(Match::No, Match::Begins),
            None => Match::No,
        })
    }
}

/// Why `line` has no text in `field`; slow, for a line that is refused.
pub(super) fn explain(line: &str, field: &str) -> String {
    if line.trim_start().starts_with('[') {
        return "found a list, expected one JSON object per line: convert the file, for instance: jq -c '.[]'"
            .into();
    }
    let finite = finite(line);
    let object = match serde_json::from_str(finite.as_deref().unwrap_or(line)) {
        Ok(Value::Object(object)) => Value::Object(object),
        Ok(other) => return format!("found {}, expected an object with the field {field}", kind(&other)),
        Err(error) => return syntax(&error),
    };
    match find(&object, field) {
        Some(value) => format!("field {field}: found {}, expected a string", kind(value)),
        None => {
            let mut fields = Vec::new();
            list("", &object, &mut fields);
            let more = if fields.len() > LISTED { ", …" } else { "" };
            fields.truncate(LISTED);
            let fields = if fields.is_empty() { "an empty object".into() } else { fields.join(", ") };
            format!(
                "no field {field}, found {fields}{more}: name the one that holds the text with --field NAME \
                 (pretrain: --set field=NAME)"
            )
        }
    }
}

/// The value at the end of `path`.
fn find<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let object = value.as_object()?;
    let inner = |(key, value): (&String, &'a Value)| find(value, path.strip_prefix(key)?.strip_prefix('.')?);
    object.get(path).or_else(|| object.iter().find_map(inner))
}

/// Adds the paths of everything in `value` that is no object.
fn list(path: &str, value: &Value, fields: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object.iter().take(LISTED + 1) {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                list(&path, value, fields);
            }
        }
        _ => fields.push(path.escape_debug().to_string()),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn syntax(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let reason = message.split(" at line ").next().unwrap_or(&message);
    if reason.contains("surrogate") || reason.contains("hex escape") {
        return format!(
            "column {}: half a character ({reason}): expected \\u escapes of whole ones, in pairs above \\uffff: correct the \
             line, or leave such lines out with --skip-bad",
            error.column()
        );
    }
    let remedy = if error.is_eof() {
        "expected a complete object per line: was the file copied completely, or are its objects spread over lines?"
    } else {
        "expected one JSON object per line"
    };
    format!("column {}: not JSON ({reason}): {remedy}", error.column())
}

#[cfg(test)]
#[path = "tests/field.rs"]
mod tests;
