//! Files of predictions, as the official scripts and transformers read and write them: JSON objects by id.

use std::fmt;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use serde::de::{DeserializeOwned, Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::ser::PrettyFormatter;
use sibert_files::bounded;
use sibert_files::durable;

use super::{Answers, ById, Odds, Predictions};

/// Writes `predictions.json`, `nbest_predictions.json` and, for SQuAD 2.0, `null_odds.json` into a folder.
///
/// # Errors
/// If one cannot be written.
pub fn write(out: &Path, found: &Predictions) -> Result<Vec<PathBuf>> {
    let mut files = vec![
        (out.join("predictions.json"), json(&found.answers)?),
        (out.join("nbest_predictions.json"), json(&found.n_best)?),
    ];
    if !found.null_odds.is_empty() {
        files.push((out.join("null_odds.json"), json(&found.null_odds)?));
    }
    for (path, contents) in &files {
        durable::replace(path, contents)?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

/// Reads the answers to score, an object from ids to texts.
///
/// # Errors
/// Names the file, and the line of what is no answer.
pub fn read_predictions(path: &Path) -> Result<Answers> {
    read(path, "answers, as predictions.json")
}

/// Reads how likely each question has no answer, an object from ids to numbers.
///
/// # Errors
/// Names the file, and the line of what is no number.
pub fn read_na_probs(path: &Path) -> Result<Odds> {
    read(path, "numbers, as null_odds.json")
}

fn read<T: DeserializeOwned>(path: &Path, expected: &str) -> Result<ById<T>> {
    let text =
        bounded::text(path, bounded::CONFIG).with_context(|| format!("cannot read {}", path.display()))?;
    let found: InOrder<T> = serde_json::from_str(&text)
        .map_err(|error| anyhow!("{}: {error}: expected an object from ids to {expected}", path.display()))?;
    Ok(found.0)
}

/// The text of a JSON object, indented by four as by transformers.
fn json<T: Serialize>(values: &ById<T>) -> Result<String> {
    let mut bytes = Vec::new();
    let formatter = PrettyFormatter::with_indent(b"    ");
    serde_json::Serializer::with_formatter(&mut bytes, formatter).collect_map(values)?;
    bytes.push(b'\n');
    Ok(String::from_utf8(bytes)?)
}

/// A JSON object in its order, that has no key twice.
struct InOrder<T>(ById<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for InOrder<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries(PhantomData)).map(Self)
    }
}

struct Entries<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
    type Value = ById<T>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ById<T>, A::Error> {
        let mut entries = ById::new();
        while let Some((id, value)) = map.next_entry::<String, T>()? {
            if let (at, Some(_)) = entries.insert_full(id, value) {
                let id = entries.get_index(at).map_or("", |(id, _)| id);
                return Err(A::Error::custom(format!("the id {id} is there twice")));
            }
        }
        Ok(entries)
    }
}
