//! Layers of settings: each is checked on its own, then laid over the ones before.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sibert_files::bounded;
use toml::{Table, Value};

use super::{RunConfig, Start, SweepSettings, diagnose, model, resolve};

/// The settings of a run that is given neither a config nor a text.
pub const QUICKSTART: &str = include_str!("quickstart.toml");

/// The settings of a run that is given a text and no config.
pub const OWN_TEXT: &str = include_str!("own-text.toml");

/// Optimizers whose rates are not comparable with those of the others.
const APART: [&str; 2] = ["spectral", "muon"];

/// Settings that are dropped when the optimizer changes from or to one of [`APART`].
const RATES: [&str; 8] =
    ["lr", "weight_decay", "budget", "intrinsic_lr", "momentum", "spectral", "schedule", "head"];

/// Settings by which a text is prepared.
const OF_TEXT: [&str; 6] = ["documents", "field", "held_out", "vocab_size", "lowercase", "sentences"];

/// A key of a later source, and the keys of earlier sources that it makes meaningless.
const SUPERSEDES: [(&str, &[&str]); 15] = [
    ("max_steps", &["epochs"]),
    ("epochs", &["max_steps"]),
    ("source", &["shards", "weights"]),
    ("shards", &["source", "validation", "weights", "tokenizer"]),
    ("validation", &["held_out"]),
    ("weight_decay", &["budget", "intrinsic_lr"]),
    ("budget", &["weight_decay", "intrinsic_lr"]),
    ("intrinsic_lr", &["weight_decay", "budget"]),
    ("optimizer", &["clip"]),
    ("schedule.kind", &["schedule"]),
    ("head.schedule.kind", &["head.schedule"]),
    ("model.type", &model::OF_ONE_TYPE),
    ("model.attention", &["model.attention_scale"]),
    ("model.preset", &model::PRESET_KEYS),
    ("model.preset", &["model.attention_scale"]),
];

impl RunConfig {
    /// Loads the settings: a file, overridden by flags, overridden by `--set key=value`. Without a file it takes the
    /// quickstart's settings, or those of `own-text.toml` if a source or shards are given.
    ///
    /// # Errors
    /// If the file cannot be read, a key is unknown or of another type, or a rule is broken.
    pub fn load(file: Option<&Path>, flags: &Table, sets: &[String]) -> Result<Self> {
        Self::load_from(file, flags, sets, None)
    }

    /// Loads the settings of a run that may continue an existing model, `start`. Without a file it then takes those of
    /// `continue-bert.toml` or `continue-sibert.toml`.
    ///
    /// # Errors
    /// As [`Self::load`]; or if a setting would change the model.
    pub fn load_from(
        file: Option<&Path>,
        flags: &Table,
        sets: &[String],
        start: Option<&Start>,
    ) -> Result<Self> {
        let mut settings = merged(file, flags, sets, start)?;
        ensure_shards_take(&settings, &[flags.clone(), read_sets(sets)?])?;
        if let Some(start) = start {
            start.fill(&mut settings, &read_sets(sets)?)?;
        }
        let config = resolve::complete(settings)?;
        config.validate()?;
        Ok(config)
    }

    /// The model that the run is to continue, `init`; the settings need not be complete.
    ///
    /// # Errors
    /// As [`Self::load`], but the rules of a run are not checked.
    pub fn init(file: Option<&Path>, flags: &Table, sets: &[String]) -> Result<Option<String>> {
        let settings = merged(file, flags, sets, None)?;
        Ok(settings.get("init").and_then(Value::as_str).map(str::to_owned))
    }

    /// The output folder; the settings need not be complete, because a resumed run's are in that folder.
    ///
    /// # Errors
    /// As [`Self::load`], but the rules of a run are not checked.
    pub fn out(file: Option<&Path>, flags: &Table, sets: &[String]) -> Result<PathBuf> {
        let settings = merged(file, flags, sets, None)?;
        Ok(settings.get("out").and_then(Value::as_str).map_or(Self::default().out, PathBuf::from))
    }

    /// These settings, overridden by `key=value`.
    ///
    /// # Errors
    /// As [`Self::load`], but the rules of a run are not checked.
    pub fn with_sets(&self, sets: &[String]) -> Result<Self> {
        let mut settings = Table::try_from(self)?;
        overlay(&mut settings, read_sets(sets)?);
        Ok(settings.try_into()?)
    }

    /// The settings as the text of a file; loading it gives the same run.
    ///
    /// # Errors
    /// If a number has no TOML form.
    pub fn to_toml(&self) -> Result<String> {
        Ok(toml::to_string(self)?)
    }
}

/// Refuses what is asked for of a text that was prepared with other settings; those of a config file may be of another text.
fn ensure_shards_take(settings: &Table, asked: &[Table]) -> Result<()> {
    if let Some(shards) = settings.get("shards").and_then(Value::as_str) {
        let key = OF_TEXT.into_iter().find(|key| asked.iter().any(|table| table.contains_key(*key)));
        if let Some(key) = key {
            bail!(
                "{key} has no meaning for shards, {shards}, which were prepared with a {key} of their own: leave it out"
            );
        }
    }
    Ok(())
}

/// The table `[sweep]` of a config file; empty if it has none.
///
/// # Errors
/// If the file cannot be read, or a key is unknown or of another type.
pub fn sweep_of(file: &Path) -> Result<SweepSettings> {
    let settings: RunConfig = read(file)?.try_into()?;
    Ok(settings.sweep.unwrap_or_default())
}

fn read(file: &Path) -> Result<Table> {
    let name = file.display().to_string();
    let text = bounded::text(file, bounded::CONFIG).with_context(|| format!("cannot read config {name}"))?;
    checked(&name, &text)
}

fn merged(file: Option<&Path>, flags: &Table, sets: &[String], start: Option<&Start>) -> Result<Table> {
    let sets = read_sets(sets)?;
    let has_text = [flags, &sets].iter().any(|table| contains(table, "source") || contains(table, "shards"));
    let mut settings = match (file, start.map(Start::built_in)) {
        (Some(path), _) => read(path)?,
        (None, Some((name, text))) => checked(name, text)?,
        (None, None) if has_text => checked("own-text.toml (built in)", OWN_TEXT)?,
        (None, None) => checked("quickstart.toml (built in)", QUICKSTART)?,
    };
    overlay(&mut settings, flags.clone());
    overlay(&mut settings, sets);
    Ok(settings)
}

/// Parses one source of settings and refuses keys and types that `RunConfig` does not have.
fn checked(source: &str, text: &str) -> Result<Table> {
    match toml::from_str::<RunConfig>(text) {
        Ok(_) => Ok(toml::from_str(text)?),
        Err(error) => Err(diagnose::explain(source, text, &error)),
    }
}

fn read_sets(sets: &[String]) -> Result<Table> {
    let mut all = Table::new();
    for set in sets {
        merge(&mut all, read_set("--set", set)?);
    }
    Ok(all)
}

/// The table that the text `key=value` of a flag stands for.
///
/// # Errors
/// If there is no such key, or its values are of another type.
pub fn read_set(flag: &str, set: &str) -> Result<Table> {
    let source = format!("{flag} {set}");
    let pair = set.split_once('=').filter(|(key, _)| !key.trim().is_empty());
    let (key, value) = pair.with_context(|| format!("{source}: expected key=value"))?;
    let mut one = Table::new();
    insert(&mut one, key.trim(), value_of(value));
    checked(&source, &toml::to_string(&one)?)
}

/// The value that a text stands for: a TOML value, else a number (`1e-3`, `.5`), else the text itself (`runs/a`).
fn value_of(text: &str) -> Value {
    let parsed = toml::from_str::<Table>(&format!("value = {text}"));
    match parsed.map(|mut table| (table.remove("value"), table.is_empty())) {
        Ok((Some(value), true)) => value,
        _ => text.trim().parse().map_or_else(|_| Value::String(text.to_string()), Value::Float),
    }
}

/// Lays `later` over `settings`, and first drops the keys that it makes meaningless.
fn overlay(settings: &mut Table, later: Table) {
    let rule = |table: &Table| {
        let name = table.get("optimizer").and_then(Value::as_str).map(str::to_string);
        name.filter(|name| APART.contains(&name.as_str()))
    };
    if later.contains_key("optimizer") && rule(settings) != rule(&later) {
        RATES.iter().for_each(|key| remove(settings, key));
    }
    for (_, superseded) in SUPERSEDES.into_iter().filter(|(key, _)| contains(&later, key)) {
        superseded.iter().for_each(|key| remove(settings, key));
    }
    merge(settings, later);
}

pub(super) fn merge(settings: &mut Table, later: Table) {
    for (key, value) in later {
        match (settings.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge(below, above),
            (_, value) => drop(settings.insert(key, value)),
        }
    }
}

fn contains(table: &Table, key: &str) -> bool {
    match key.split_once('.') {
        None => table.contains_key(key),
        Some((first, rest)) => matches!(table.get(first), Some(Value::Table(inner)) if contains(inner, rest)),
    }
}

fn insert(table: &mut Table, key: &str, value: Value) {
    let nested = key
        .rsplit('.')
        .fold(value, |value, name| Value::Table(Table::from_iter([(name.to_string(), value)])));
    if let Value::Table(nested) = nested {
        merge(table, nested);
    }
}

fn remove(table: &mut Table, key: &str) {
    match key.split_once('.') {
        None => drop(table.remove(key)),
        Some((first, rest)) => {
            if let Some(Value::Table(inner)) = table.get_mut(first) {
                remove(inner, rest);
            }
        }
    }
}
