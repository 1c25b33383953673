//! The text form of an optional bound: a number, or `"none"`.

use std::fmt;

use serde::de::{Deserializer, Error, Unexpected, Visitor};
use serde::ser::Serializer;

/// Writes the bound, or `"none"`.
pub fn serialize<S: Serializer>(clip: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match clip {
        Some(bound) => serializer.serialize_f64(*bound),
        None => serializer.serialize_str("none"),
    }
}

/// Reads a number or `"none"`. TOML's `inf` also means no bound.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    deserializer.deserialize_any(Clip)
}

struct Clip;

impl Visitor<'_> for Clip {
    type Value = Option<f64>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a number or \"none\"")
    }

    fn visit_f64<E: Error>(self, bound: f64) -> Result<Self::Value, E> {
        Ok((bound != f64::INFINITY).then_some(bound))
    }

    fn visit_i64<E: Error>(self, bound: i64) -> Result<Self::Value, E> {
        Ok(Some(bound as f64))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        match text {
            "none" => Ok(None),
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }
}
