//! Settings of runs as flat tables, what differs between them, and how that reads.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use sibert_files::bounded;
use toml::{Table, Value};

use crate::plot::axis::{self, Unit};

/// Values by dotted key.
pub type Settings = BTreeMap<String, Value>;

/// Keys that change nothing that is learned, and the seed.
const IGNORED: [&str; 12] = [
    "seed",
    "out",
    "device",
    "threads",
    "memory_check",
    "loader_threads",
    "log_every",
    "eval_every",
    "eval_sequences",
    "save_every",
    "keep_last",
    "tensorboard",
];

/// Keys that say most about a run, in this order before all others.
const FIRST: [&str; 9] = [
    "model.type",
    "optimizer",
    "clip",
    "init_scale",
    "loss_scale",
    "lr",
    "batch_size",
    "max_steps",
    "weight_decay",
];

/// Reads `config.toml` of a run's folder; none if it has none.
///
/// # Errors
/// If the file is no TOML.
pub fn read(folder: &Path) -> Result<Option<Settings>> {
    let path = folder.join("config.toml");
    if !path.is_file() {
        return Ok(None);
    }
    let text =
        bounded::text(&path, bounded::CONFIG).with_context(|| format!("cannot read {}", path.display()))?;
    let table: Table = toml::from_str(&text).with_context(|| format!("{} is no TOML", path.display()))?;
    let mut settings = Settings::new();
    flatten("", table, &mut settings);
    Ok(Some(settings))
}

fn flatten(prefix: &str, table: Table, settings: &mut Settings) {
    for (key, value) in table {
        match value {
            Value::Table(inner) => flatten(&format!("{prefix}{key}."), inner, settings),
            value => drop(settings.insert(format!("{prefix}{key}"), value)),
        }
    }
}

/// Keys whose values differ between runs, those that say most first.
pub fn differing(runs: &[&Settings]) -> Vec<String> {
    let keys: BTreeSet<&String> = runs.iter().flat_map(|settings| settings.keys()).collect();
    let differs = |key: &str| runs.iter().any(|settings| settings.get(key) != runs[0].get(key));
    let mut keys: Vec<String> =
        keys.into_iter().filter(|key| compared(key) && differs(key)).cloned().collect();
    keys.sort_by_key(|key| FIRST.iter().position(|first| first == key).unwrap_or(FIRST.len()));
    keys
}

/// Whether a setting makes runs different, rather than repetitions of one.
pub fn compared(key: &str) -> bool {
    !IGNORED.contains(&key)
}

/// The keys among these that are needed to tell runs apart: model and optimizer, and what they leave open.
pub fn telling(keys: &[String], runs: &[&Settings]) -> Vec<String> {
    let mut telling: Vec<String> = Vec::new();
    for key in keys {
        let before = count(&telling, runs);
        telling.push(key.clone());
        if FIRST[..2].iter().all(|first| first != key) && count(&telling, runs) == before {
            telling.pop();
        }
    }
    telling
}

/// Number of different combinations of values.
fn count(keys: &[String], runs: &[&Settings]) -> usize {
    runs.iter().map(|settings| combination(keys, settings)).collect::<BTreeSet<_>>().len()
}

/// The values of these keys, to compare.
pub fn combination(keys: &[String], settings: &Settings) -> Vec<String> {
    keys.iter().map(|key| settings.get(key).map(Value::to_string).unwrap_or_default()).collect()
}

/// A number, of an integer too.
pub fn number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|integer| integer as f64))
}

/// The values of these keys, to read: `SIBERT, SGD, no clip, init 10`.
pub fn describe(keys: &[String], settings: &Settings) -> String {
    let parts = keys.iter().filter_map(|key| Some(part(key, settings.get(key)?)));
    parts.collect::<Vec<_>>().join(", ")
}

fn part(key: &str, value: &Value) -> String {
    match (key, value.as_str()) {
        ("model.type" | "optimizer", Some(name)) => proper_name(name).to_owned(),
        ("clip", Some("none")) => "no clip".to_owned(),
        ("init_scale", _) => format!("init {}", plain(value)),
        ("weight_decay", _) => format!("decay {}", plain(value)),
        _ => format!("{} {}", key.strip_prefix("model.").unwrap_or(key), plain(value)),
    }
}

fn proper_name(name: &str) -> &str {
    match name {
        "sibert" => "SIBERT",
        "bert" => "BERT",
        "sisgd" | "sgd" => "SGD",
        "lamb" => "LAMB",
        "adamw" => "AdamW",
        other => other,
    }
}

/// A value as short as it can be told.
fn plain(value: &Value) -> String {
    let Some(number) = number(value) else {
        return value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    };
    let exact = number == 0. || {
        let unit = 10f64.powi(number.abs().log10().floor() as i32 - 2);
        ((number / unit).round() * unit - number).abs() < 1e-9 * number.abs()
    };
    if exact { axis::value(number, Unit::Number) } else { number.to_string() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use super::*;

    fn settings(text: &str) -> Settings {
        let mut settings = Settings::new();
        flatten("", toml::from_str(text).unwrap(), &mut settings);
        settings
    }

    fn labels(texts: &[&str]) -> Vec<String> {
        let runs: Vec<Settings> = texts.iter().map(|text| settings(text)).collect();
        let runs: Vec<&Settings> = runs.iter().collect();
        let keys = telling(&differing(&runs), &runs);
        runs.iter().map(|run| describe(&keys, run)).collect()
    }

    #[test]
    fn labels_name_what_differs_and_nothing_else() {
        let sgd = "optimizer = 'sisgd'\nlr = 0.1\nclip = 2.0\nseed = 1\nout = 'a'\n[model]\ntype = 'sibert'\n[head]\nlr = 0.01";
        let adamw =
            "optimizer = 'adamw'\nlr = 0.001\nclip = 'none'\nseed = 2\nout = 'b'\n[model]\ntype = 'bert'";
        assert_eq!(labels(&[sgd, adamw]), ["SIBERT, SGD", "BERT, AdamW"]);
        assert_eq!(labels(&[sgd, &sgd.replace("2.0", "'none'")]), ["clip 2", "no clip"]);
    }

    #[test]
    fn numbers_are_short_but_told_apart() {
        assert_eq!(
            labels(&["init_scale = 0.1", "init_scale = 100.0", "init_scale = 1e-4"]),
            ["init 0.1", "init 100", "init 1e-4"]
        );
        assert_eq!(labels(&["lr = 0.09999999999999999", "lr = 0.12345"]), ["lr 0.1", "lr 0.12345"]);
        assert_eq!(labels(&["model.hidden_size = 128", ""]), ["hidden_size 128", ""]);
    }

    #[test]
    fn what_only_follows_is_left_out() {
        let runs = ["lr = 1.0\nweight_decay = 0.3", "lr = 3.0\nweight_decay = 0.1"];
        assert_eq!(labels(&runs), ["lr 1", "lr 3"]);
    }

    #[test]
    fn a_folder_without_settings_has_none() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()).unwrap(), None);
        fs::write(dir.path().join("config.toml"), "lr = ").unwrap();
        assert!(read(dir.path()).unwrap_err().to_string().ends_with("config.toml is no TOML"));
    }
}
