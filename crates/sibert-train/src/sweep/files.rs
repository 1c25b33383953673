//! `summary.csv` and `summary.json`: every run with its settings and all of its summary.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use serde_json::{Map, Value, json};
use sibert_files::durable;
use sibert_files::sealed;

use super::axis::{Axis, SEED, VARIANT};
use super::grid::{Grid, SweptRun};
use super::results::{Group, Row};
use crate::csv;
use crate::log::Summary;

/// Figures that a summary can hold, as JSON pointers; a column each.
const FIGURES: [&str; 20] = [
    "step",
    "tokens",
    "diverged",
    "eval_loss",
    "eval_accuracy",
    "frequent_accuracy",
    "frequency_loss",
    "eval_sequences",
    "clipped_steps",
    "spikes",
    "param_norm",
    "equilibrium_norm",
    "parameters",
    "memory/parameters",
    "memory/gradients",
    "memory/optimizer_state",
    "memory/encoder_optimizer_state",
    "memory/peak",
    "timing/elapsed_seconds",
    "timing/tokens_per_second",
];

/// Writes both files.
///
/// # Errors
/// If the folder is not writable.
pub fn write(folder: &Path, grid: &Grid, groups: &[Group]) -> Result<()> {
    let rows: Vec<&Row> = in_order(grid, groups);
    durable::replace(&folder.join("summary.csv"), &table(grid, &rows)?)?;
    sealed::write(&folder.join("summary.json"), &json(grid, &rows, groups)?)
}

/// All rows, in the order of the grid.
fn in_order<'a>(grid: &Grid, groups: &'a [Group]) -> Vec<&'a Row<'a>> {
    let rows = || groups.iter().flat_map(|group| &group.rows);
    grid.runs.iter().filter_map(|run| rows().find(|row| row.run.name == run.name)).collect()
}

/// `name,state,failed`, the axes of variants, every key that varies, the seed, the figures; what is absent is empty.
fn table(grid: &Grid, rows: &[&Row]) -> Result<String> {
    let settings = columns(grid);
    let head = ["name", "state", "failed"].into_iter().map(str::to_owned);
    let figures = FIGURES.iter().map(|figure| figure.replace('/', "."));
    let mut lines: Vec<Vec<String>> = vec![head.chain(settings.iter().cloned()).chain(figures).collect()];
    for row in rows {
        let known = settings_of(grid, row.run)?;
        let summary = row.summary().map_or(Ok(Value::Null), serde_json::to_value)?;
        let start = [row.run.name.clone(), row.word().to_owned(), row.failure.unwrap_or_default().to_owned()];
        let settings = settings.iter().map(|key| known.get(key).map_or(String::new(), cell));
        let figures =
            FIGURES.iter().map(|figure| summary.pointer(&format!("/{figure}")).map_or(String::new(), cell));
        lines.push(start.into_iter().chain(settings).chain(figures).collect());
    }
    csv::text(lines)
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn json(grid: &Grid, rows: &[&Row], groups: &[Group]) -> Result<Value> {
    let run = |row: &&Row| {
        Ok(json!({
            "name": row.run.name,
            "state": row.word(),
            "failed": row.failure,
            "settings": settings_of(grid, row.run)?,
            "summary": row.summary(),
        }))
    };
    let axes = grid.axes.iter().map(|axis| {
        let values: Vec<&str> = axis.values.iter().map(|value| value.text.as_str()).collect();
        json!({ "name": axis.name, "values": values })
    });
    let mut all = Map::new();
    all.insert("axes".to_owned(), axes.collect());
    all.insert("runs".to_owned(), Value::Array(rows.iter().map(run).collect::<Result<_>>()?));
    if grid.seed_axis().is_some() {
        all.insert("groups".to_owned(), groups.iter().map(|group| of_seeds(grid, group)).collect());
    }
    Ok(Value::Object(all))
}

/// The figures of a combination over its seeds; `n` is the number of those that finished.
fn of_seeds(grid: &Grid, group: &Group) -> Value {
    let axes = grid.axes.iter().map(|axis| &axis.name).filter(|name| *name != SEED);
    let values: Map<String, Value> =
        axes.cloned().zip(group.values.iter().map(|&value| value.into())).collect();
    json!({
        "values": values,
        "runs": group.rows.len(),
        "n": group.count("finished"),
        "diverged": group.count("diverged"),
        "failed": group.count("failed"),
        "eval_loss": group.spread(|summary: &Summary| summary.eval_loss),
        "eval_accuracy": group.spread(|summary| summary.eval_accuracy),
        "param_norm": group.spread(|summary| Some(summary.param_norm)),
        "clipped_steps": group.spread(|summary| Some(summary.clipped_steps as f64)),
        "spikes": group.spread(|summary| Some(summary.spikes as f64)),
        "elapsed_seconds": group.spread(|summary| Some(summary.timing.elapsed_seconds)),
    })
}

/// The variant, if there are any, the keys that vary, and the seed at the end.
fn columns(grid: &Grid) -> Vec<String> {
    let variants = grid.axes.iter().filter(|axis| axis.name == VARIANT).map(|axis| axis.name.clone());
    let mut seen = BTreeSet::from([SEED]);
    let keys = grid.axes.iter().flat_map(|axis| &axis.values).flat_map(|value| &value.set);
    let keys = keys.map(|set| super::axis::key_of(set)).filter(|key| seen.insert(key));
    variants.chain(keys.map(str::to_owned)).chain([SEED.to_owned()]).collect()
}

/// The same of one run, with the values that it was trained with; of a shorthand such as `budget` what was written.
fn settings_of(grid: &Grid, run: &SweptRun) -> Result<Map<String, Value>> {
    let resolved = serde_json::to_value(&run.config)?;
    let variant =
        |(axis, value): (&Axis, &super::axis::Choice)| (axis.name == VARIANT).then(|| value.text.clone());
    let variant = grid.axes.iter().zip(&run.values).find_map(variant);
    let written = |key: &str| {
        let sets = run.values.iter().flat_map(|value| &value.set).filter_map(|set| set.split_once('='));
        sets.filter(|(name, _)| name.trim() == key).map(|(_, value)| value.to_owned()).next()
    };
    let value = |key: &String| match resolved.pointer(&format!("/{}", key.replace('.', "/"))) {
        Some(value) if !matches!(key.as_str(), "source" | "tokenizer" | "weights") => value.clone(),
        _ if key == VARIANT => variant.clone().into(),
        _ => written(key).into(),
    };
    Ok(columns(grid).iter().map(|key| (key.clone(), value(key))).collect())
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
