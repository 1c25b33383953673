//! Labelled examples: sentences or pairs of them, from GLUE's official files, the Parquet files of the hub, or tables of one's
//! own.
//!
//! ```text
//! DataSource ─ files ─▶ MRPC/train.tsv, mrpc/train-*-of-*.parquet or train.csv ─ table, json_lines, parquet ─▶ Example, …
//! ```
//! Columns are found by the names that the task has for them; only CoLA's training and development sets have none. Classes
//! are those of the [`Task`], whatever a file calls or counts them. What is not as it should be is an error that names file
//! and line, but for the broken rows of QQP's labelled sets, which are skipped as all readers of it do.

mod columns;
pub(crate) mod files;
pub(crate) mod held_out;
mod json_lines;
mod label;
mod mark;
mod parquet;
mod parted;
mod table;

use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::Notes;
use crate::dataset::DataSource;
use crate::parquet_file::is_parquet;
use crate::source::shown;
use crate::table::refuse_compressed;
use crate::task::{Split, Task};
use parted::Part;

/// The right answer for an example.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// A class as the task counts them.
    Class(u32),
    /// A score, of GLUE from 0 to 5.
    Score(f32),
    /// The labels that hold, as the task counts them, ascending.
    Labels(Vec<u32>),
}

/// A sentence or a pair of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// The first text, as it is in the file.
    pub text: String,
    /// The second one, if the task is about pairs.
    pub pair: Option<String>,
    /// The right answer; none in a test set without labels.
    pub target: Option<Target>,
}

impl Example {
    /// Refuses an empty text in a table of one's own; those of GLUE are what they are.
    fn checked(self, task: Task) -> Result<Self, String> {
        let is_empty = |text: &String| text.trim().is_empty();
        if !task.is_built_in() && (is_empty(&self.text) || self.pair.as_ref().is_some_and(is_empty)) {
            return Err("the text is empty: fill it in, or leave the row out".into());
        }
        Ok(self)
    }
}

/// Examples that were read, with notes on what is odd about them.
#[derive(Debug, Default)]
struct Found {
    examples: Vec<Example>,
    notes: Vec<String>,
}

/// The examples of a set, in its order.
///
/// `notes` is told if rows were skipped, or there are not as many as in the official set.
///
/// # Errors
/// If the task has no such set, its files are not there or are damaged, a column is missing, a label is unknown or
/// missing where there must be one, or there is no row; the message names file and line, and the remedy.
pub fn read(task: Task, split: Split, source: &DataSource, notes: Notes) -> Result<Vec<Example>> {
    let found = load(task, split, source)?;
    found.notes.into_iter().for_each(notes);
    Ok(found.examples)
}

/// Whether [`read`] can read a set.
///
/// # Errors
/// As [`read`].
pub fn check(task: Task, split: Split, source: &DataSource) -> Result<()> {
    load(task, split, source).map(drop)
}

/// The examples in one file, laid out as `split` is.
///
/// # Errors
/// As [`read`].
pub fn read_file(task: Task, split: Split, path: &Path, notes: Notes) -> Result<Vec<Example>> {
    check_split(task, split)?;
    let Found { examples, notes: found } = from_file(task, split, path, None)?;
    found.into_iter().for_each(notes);
    ensure!(!examples.is_empty(), "{}: no rows, expected those of a {split}", shown(path.display()));
    Ok(examples)
}

fn load(task: Task, split: Split, source: &DataSource) -> Result<Found> {
    check_split(task, split)?;
    let held_out = task.file().files.held_out.filter(|_| !split.is_test());
    let whole = if held_out.is_some() { Split::Train } else { split };
    let paths = files::of(task, whole, source).with_context(|| format!("no {split} of {task}"))?;
    let mut all = Found::default();
    for path in &paths {
        let part = Part::of(task, split, path)?;
        let found = from_file(task, split, path, part.as_ref())?;
        all.examples.extend(found.examples);
        all.notes.extend(found.notes);
    }
    if let Some(share) = held_out {
        let class = |example: &Example| match example.target {
            Some(Target::Class(class)) => class,
            _ => 0,
        };
        let texts = |example: &Example| {
            held_out::hash_of(
                [Some(&example.text), example.pair.as_ref()].into_iter().flatten().map(String::as_str),
            )
        };
        let rows: Vec<_> = all.examples.iter().map(|example| (class(example), texts(example))).collect();
        let mut held_out = held_out::rows(&rows, share)?.into_iter();
        let is_wanted = split == Split::Validation;
        all.examples.retain(|_| held_out.next() == Some(is_wanted));
    }
    let rows = all.examples.len();
    let first = paths.first().map(|path| shown(path.display())).unwrap_or_default();
    let hint = if held_out.is_some() {
        ": nothing could be held out, for the rows of each class are all the same"
    } else {
        ""
    };
    ensure!(rows > 0, "{first}: no rows, expected the {split} of {task}{hint}");
    if let Some(expected) = task.file().rows.of(split).filter(|expected| *expected != rows) {
        let meaning = if split.is_test() {
            "the leaderboard takes no other number of predictions"
        } else {
            "figures are not comparable with published ones"
        };
        all.notes.push(format!(
            "{task}: {rows} row(s) in the {split} of {source}, expected the official {expected}: {meaning}"
        ));
    }
    Ok(all)
}

fn check_split(task: Task, split: Split) -> Result<()> {
    ensure!(!task.is_squad(), "{task} has no examples of GLUE: they are questions");
    ensure!(!task.file().words, "{task} has no texts with a label each: its words have them");
    let own = if task.is_built_in() { "" } else { ": name it in [files] of its own file" };
    ensure!(task.has(split), "{task} has no {split}{own}");
    Ok(())
}

/// The examples in a file, or those of its `part`.
fn from_file(task: Task, split: Split, path: &Path, part: Option<&Part>) -> Result<Found> {
    let name = shown(path.display());
    refuse_compressed(path)?;
    if is_parquet(path)? {
        return parquet::read(task, split, path);
    }
    let is_named = path.extension().is_some_and(|extension| extension == "parquet");
    ensure!(!is_named, "{name}: is not parquet, as its name says: was it copied completely?");
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    match ending.as_deref() {
        Some("jsonl" | "ndjson" | "json") => json_lines::read(task, split, path),
        _ => table::read(task, split, path, part),
    }
}

#[cfg(test)]
mod tests;
