//! TOML errors in the user's terms: file, line, key, and the key that was probably meant.

use anyhow::{Error, anyhow};
use strsim::jaro_winkler;
use toml::de::{DeTable, DeValue};

use super::RunConfig;

/// Tables that have keys of their own; the first is the top level.
const TABLES: [&str; 7] = ["", "schedule", "spectral", "head", "head.schedule", "model", "sweep"];

/// Keys as other programs call them, and keys that have moved, each with the key meant.
const ALIASES: [(&str, &str); 24] = [
    ("learning_rate", "lr"),
    ("wd", "weight_decay"),
    ("steps", "max_steps"),
    ("num_train_steps", "max_steps"),
    ("total_steps", "max_steps"),
    ("train_batch_size", "batch_size"),
    ("gradient_accumulation_steps", "accumulation_steps"),
    ("max_seq_length", "seq_len"),
    ("sequence_length", "seq_len"),
    ("max_length", "seq_len"),
    ("mlm_probability", "mask_probability"),
    ("max_grad_norm", "clip"),
    ("output_dir", "out"),
    ("train_file", "source"),
    ("text", "source"),
    ("dataset", "source"),
    ("data", "source"),
    ("next_sentence_prediction", "model.next_sentence_prediction"),
    ("warmup_steps", "schedule.warmup"),
    ("warmup_ratio", "schedule.warmup"),
    ("lr_scheduler_type", "schedule.kind"),
    ("model_type", "model.type"),
    ("layers", "model.num_hidden_layers"),
    ("heads", "model.num_attention_heads"),
];

/// Similarity (Jaro-Winkler, 0 to 1) from which a key is offered as the one meant.
const SIMILAR: f64 = 0.85;

/// Rewrites an error about `text`, which came from `source`: the name of a file, or a flag.
///
/// ```text
/// configs/base.toml:7: unknown key learning_rate, did you mean lr?
/// configs/base.toml:3: max_steps: expected a whole number, found floating point 1000.5
/// --set max_steps=many: max_steps: expected a whole number, found string "many"
/// ```
pub fn explain(source: &str, text: &str, error: &toml::de::Error) -> Error {
    let is_flag = source.starts_with("--");
    let start = error.span().map_or(0, |span| span.start);
    let line = 1 + text[..start].matches('\n').count();
    let place = if is_flag { source.to_string() } else { format!("{source}:{line}") };
    let message = error.message().lines().collect::<Vec<_>>().join(", ");
    let Some(key) = key_at(text, start) else {
        let found = text.lines().nth(line - 1).unwrap_or_default().trim();
        return anyhow!("{place}: {message}, found {found}");
    };
    if message.starts_with("unknown field") {
        let all = unknown_keys(text).into_iter().filter(|_| !is_flag);
        let all = all.map(|(line, key)| format!("{source}:{line}: {}", unknown_key(&key)));
        let all: Vec<String> = all.collect();
        return if all.is_empty() {
            anyhow!("{place}: {}", unknown_key(&key))
        } else {
            anyhow!(all.join("\n"))
        };
    }
    let (key, rule) = match quoted(&message).as_slice() {
        [found, choices @ ..] if message.starts_with("unknown variant") => {
            unknown_value(&key, found, choices)
        }
        _ => (key.as_str(), plain(&message)),
    };
    if is_flag { anyhow!("{place}: {rule}") } else { anyhow!("{place}: {key}: {rule}") }
}

/// Every key that serde knows, dotted.
pub fn known_keys() -> Vec<String> {
    TABLES.iter().flat_map(|table| keys_of(table)).collect()
}

/// The keys of a table. Serde lists them when it refuses an unknown one.
fn keys_of(table: &str) -> Vec<String> {
    let prefix = if table.is_empty() { String::new() } else { format!("{table}.") };
    match toml::from_str::<RunConfig>(&format!("{prefix}\"\" = 0")) {
        Ok(_) => Vec::new(),
        Err(error) => quoted(error.message()).iter().skip(1).map(|key| format!("{prefix}{key}")).collect(),
    }
}

fn unknown_key(key: &str) -> String {
    let keys = known_keys();
    match nearest(key, &keys) {
        Some(meant) => format!("unknown key {key}, did you mean {meant}?"),
        None => {
            let table = key.rsplit_once('.').map_or("", |(table, _)| table);
            format!("unknown key {key}, expected one of {}", keys_of(table).join(", "))
        }
    }
}

/// Corrects an error about a table in place of a word: serde reports the table's first key as the word.
fn unknown_value<'a>(key: &'a str, found: &str, choices: &[&str]) -> (&'a str, String) {
    let expected = format!("expected one of {}", choices.join(", "));
    match key.rsplit_once('.') {
        Some((table, name)) if name == found => (table, format!("{expected}, found a table")),
        _ => (key, format!("{expected}, found {found:?}")),
    }
}

/// The known key whose last name is most similar; among equals, the one whose whole name is.
fn nearest<'a>(key: &str, keys: &'a [String]) -> Option<&'a str> {
    let name = last(key);
    if let Some((_, meant)) = ALIASES.iter().find(|(alias, _)| *alias == name) {
        return keys.iter().map(String::as_str).find(|known| known == meant);
    }
    let similar = |known: &str| (jaro_winkler(name, last(known)), jaro_winkler(key, known));
    let scored = keys.iter().map(|known| (similar(known), known.as_str()));
    let ((score, _), meant) =
        scored.max_by(|(a, _), (b, _)| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)))?;
    (score >= SIMILAR).then_some(meant)
}

fn last(key: &str) -> &str {
    key.rsplit_once('.').map_or(key, |(_, name)| name)
}

/// The dotted key whose name or value covers this byte of the text.
fn key_at(text: &str, at: usize) -> Option<String> {
    fn search(table: &DeTable, prefix: &str, at: usize) -> Option<String> {
        table.iter().find_map(|(name, value)| {
            let key = format!("{prefix}{}", name.get_ref());
            match value.get_ref() {
                DeValue::Table(inner) => {
                    search(inner, &format!("{key}."), at).or_else(|| name.span().contains(&at).then_some(key))
                }
                _ => (name.span().contains(&at) || value.span().contains(&at)).then_some(key),
            }
        })
    }
    search(DeTable::parse(text).ok()?.get_ref(), "", at)
}

/// Every key that no table knows, in the order of the lines, each with its line.
fn unknown_keys(text: &str) -> Vec<(usize, String)> {
    fn walk(table: &DeTable, prefix: &str, known: &[String], found: &mut Vec<(usize, String)>) {
        for (name, value) in table {
            let key = format!("{prefix}{}", name.get_ref());
            if !known.contains(&key) {
                found.push((name.span().start, key));
            } else if let DeValue::Table(inner) = value.get_ref() {
                walk(inner, &format!("{key}."), known, found);
            }
        }
    }
    let mut found = Vec::new();
    if let Ok(table) = DeTable::parse(text) {
        walk(table.get_ref(), "", &known_keys(), &mut found);
    }
    found.sort();
    found.into_iter().map(|(at, key)| (1 + text[..at].matches('\n').count(), key)).collect()
}

/// The names between back-quotes.
fn quoted(message: &str) -> Vec<&str> {
    message.split('`').skip(1).step_by(2).collect()
}

/// Serde's "invalid type: X, expected Y" as "expected Y, found X", in words that do not name Rust types.
fn plain(message: &str) -> String {
    let stated = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
    let Some((found, expected)) = stated.and_then(|rest| rest.rsplit_once(", expected ")) else {
        return message.to_string();
    };
    let found = match found {
        "map" => "a table".to_string(),
        "sequence" => "a list".to_string(),
        _ => found.replace('`', ""),
    };
    let expected = match expected {
        "usize" | "u64" | "u32" => "a whole number, 0 or more",
        "f64" | "f32" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list in brackets",
        "path string" | "a string" => "a string in quotes",
        _ if expected.starts_with("struct ") => "a table",
        _ => expected,
    };
    format!("expected {expected}, found {found}")
}
