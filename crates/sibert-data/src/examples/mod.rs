//! GLUE's examples, from its official TSV files or the Parquet files of the hub.
//!
//! ```text
//! DataSource ─ files ─▶ MRPC/train.tsv, or mrpc/train-*-of-*.parquet ─ tsv, parquet ─▶ Example, …
//! ```
//! Columns are found by the names that a file gives them; only CoLA's training and development sets have none.
//! Official files are tab separated, and quotes in them are letters like any other. Classes are those of the
//! [`Task`], whatever a file calls or counts them. What is not as it should be is an error that
//! names file and line, but for the broken rows of QQP's labelled sets, which are skipped as all readers of it do.

mod columns;
mod files;
mod label;
mod mrpc;
mod official;
mod parquet;
mod tsv;

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::Notes;
use crate::dataset::DataSource;
use crate::parquet_file::is_parquet;
use crate::source::shown;
use crate::task::Task;
use mrpc::Part;

/// What is right for an example.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// A class as the task counts them.
    Class(u32),
    /// A score from 0 to 5.
    Score(f32),
}

/// A sentence or a pair of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// The first text, as it is in the file.
    pub text: String,
    /// The second one, if the task is about pairs.
    pub pair: Option<String>,
    /// What is right; none in a test set without labels.
    pub target: Option<Target>,
}

/// One of the sets of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// To train on.
    Train,
    /// To judge by; of MNLI, the one from the genres of the training set.
    Validation,
    /// MNLI's second one, from other genres.
    ValidationMismatched,
    /// To predict for the leaderboard; of MNLI, the matched one.
    Test,
    /// MNLI's second one.
    TestMismatched,
}

impl Split {
    /// Whether its labels are not given out.
    fn is_test(self) -> bool {
        matches!(self, Split::Test | Split::TestMismatched)
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Split::Train => "training set",
            Split::Validation => "development set",
            Split::ValidationMismatched => "mismatched development set",
            Split::Test => "test set",
            Split::TestMismatched => "mismatched test set",
        })
    }
}

/// The sets of a task with labels to judge by: two of MNLI, none of AX.
pub fn validation_splits(task: Task) -> &'static [Split] {
    match task {
        Task::Mnli => &[Split::Validation, Split::ValidationMismatched],
        Task::Ax => &[],
        _ => &[Split::Validation],
    }
}

/// The sets of a task for the leaderboard: two of MNLI, none of SQuAD.
pub fn test_splits(task: Task) -> &'static [Split] {
    match task {
        Task::Mnli => &[Split::Test, Split::TestMismatched],
        Task::Squad | Task::SquadV2 => &[],
        _ => &[Split::Test],
    }
}

/// What was read, and what is odd about it.
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

/// The examples in one file, TSV or Parquet, laid out as `split` is.
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
    let paths = files::of(task, split, source).with_context(|| format!("no {split} of {task}"))?;
    let mut all = Found::default();
    for path in &paths {
        let part = Part::of(task, split, path)?;
        let found = from_file(task, split, path, part.as_ref())?;
        all.examples.extend(found.examples);
        all.notes.extend(found.notes);
    }
    let rows = all.examples.len();
    let first = paths.first().map(|path| shown(path.display())).unwrap_or_default();
    ensure!(rows > 0, "{first}: no rows, expected the {split} of {task}");
    if let Some(expected) = official::rows(task, split).filter(|expected| *expected != rows) {
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
    let train: &[Split] = if task == Task::Ax { &[] } else { &[Split::Train] };
    let splits = [train, validation_splits(task), test_splits(task)].concat();
    ensure!(splits.contains(&split), "{task} has no {split}");
    Ok(())
}

/// The examples in a file, or those of its `part`.
fn from_file(task: Task, split: Split, path: &Path, part: Option<&Part>) -> Result<Found> {
    let name = shown(path.display());
    if is_parquet(path)? {
        return parquet::read(task, split, path);
    }
    let is_named = path.extension().is_some_and(|extension| extension == "parquet");
    ensure!(!is_named, "{name}: is not parquet, as its name says: was it copied completely?");
    tsv::read(task, split, path, part)
}

#[cfg(test)]
mod tests;
