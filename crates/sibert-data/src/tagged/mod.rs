//! Sentences whose words each have a label, as named entities: columns as of CoNLL, or lists of JSON lines and Parquet.
//!
//! ```text
//! Ada       B-PER         {"tokens": ["Ada", "Lovelace"], "tags": ["B-PER", "I-PER"]}
//! Lovelace  I-PER
//!                                     an empty line ends a sentence; the first column is the word, the last one its label
//! ```

mod columns;
mod lists;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::dataset::DataSource;
use crate::examples::{files, held_out};
use crate::own::sorted;
use crate::table::{Row, Table, ending};
use crate::task::{Split, Task};

/// Words with a label each.
#[derive(Clone, Debug, PartialEq)]
pub struct Sentence {
    /// The words.
    pub words: Vec<String>,
    /// Their labels as the task counts them; none where a test set has none.
    pub tags: Option<Vec<u32>>,
}

/// Words and labels as a file has them.
struct Raw {
    place: String,
    words: Vec<String>,
    tags: Option<Vec<String>>,
}

/// Whether the name of a file says that it has a word a line.
pub fn is_columns(path: &Path) -> bool {
    matches!(ending(path).as_str(), "conll" | "txt" | "bio" | "iob" | "iob2")
}

/// The labels of some files, sorted, `O` first; of lists the columns of words and labels are named.
///
/// # Errors
/// If a file cannot be read, has words without a label, or only one label; names file and line.
pub fn names(paths: &[PathBuf], lists: Option<(&str, &str)>) -> Result<Vec<String>> {
    let mut names = BTreeSet::new();
    for path in paths {
        let (sentences, listed) = raw(path, lists, true)?;
        if let Some(listed) = listed {
            return Ok(listed);
        }
        names.extend(sentences.into_iter().flat_map(|sentence| sentence.tags.unwrap_or_default()));
    }
    let mut names = sorted(names);
    names.sort_by_key(|name| name != "O"); // stable
    let shown = paths.first().map(|path| path.display().to_string()).unwrap_or_default();
    ensure!(names.len() > 1, "{shown}: all words have the label {}: expected two or more", names.join(", "));
    Ok(names)
}

/// The sentences of a file with a word a line as a table of one column, a list of words a row; labels are passed over.
///
/// # Errors
/// If the file cannot be read or has no sentence; names file and line.
pub fn table(path: &Path, column: &str) -> Result<Table> {
    let row = |(line, raw): (usize, Raw)| Row { line, cells: vec![raw.words.into()] };
    let rows = (1..).zip(columns::read(path, false)?).map(row).collect();
    Ok(Table::new(&path.display().to_string(), vec![column.to_owned()], rows))
}

/// Whether labels are those of entities: `O`, and others with `B-`, `I-` and so on in front.
pub fn is_of_entities(names: &[String]) -> bool {
    let is_of_one = |name: &String| {
        name == "O" || matches!(name.split_once('-'), Some(("B" | "I" | "E" | "S" | "L" | "U", _)))
    };
    names.len() > 1 && names.iter().all(is_of_one)
}

/// The sentences of a set, in its order.
///
/// # Errors
/// If its files are not there or are damaged, a label is unknown or missing, or there is no sentence; names file and line.
pub fn read(task: Task, split: Split, source: &DataSource) -> Result<Vec<Sentence>> {
    ensure!(task.has(split), "{task} has no {split}");
    let share = task.file().files.held_out.filter(|_| !split.is_test());
    let whole = if share.is_some() { Split::Train } else { split };
    let mut all = Vec::new();
    for path in files::of(task, whole, source).with_context(|| format!("no {split} of {task}"))? {
        all.extend(read_file(task, split, &path)?);
    }
    if let Some(share) = share {
        let words = |sentence: &Sentence| held_out::hash_of(sentence.words.iter().map(String::as_str));
        let rows: Vec<_> = all.iter().map(|sentence| (0, words(sentence))).collect();
        let mut held_out = held_out::rows(&rows, share)?.into_iter();
        all.retain(|_| held_out.next() == Some(split == Split::Validation));
    }
    let hint =
        if share.is_some() { ": nothing could be held out, for all sentences are the same" } else { "" };
    ensure!(!all.is_empty(), "{source}: no sentences, expected the {split} of {task}{hint}");
    Ok(all)
}

/// The sentences of one file.
///
/// # Errors
/// As [`read`].
pub fn read_file(task: Task, split: Split, path: &Path) -> Result<Vec<Sentence>> {
    let columns = task.file().columns.as_ref();
    let name = |names: &'static crate::task::Names| names.0.first().map_or("", String::as_str);
    let lists = columns.map(|columns| (name(&columns.text), name(&columns.label)));
    let (sentences, _) = raw(path, lists, !split.is_test())?;
    let known = |raw: Raw| -> Result<Sentence> {
        let class = |tag: &String| {
            let names = task.class_names().join(", ");
            task.class(tag).ok_or_else(|| {
                anyhow!("{}: unknown label, expected one of {names}, found `{tag}`", raw.place)
            })
        };
        let tags = raw.tags.as_ref().map(|tags| tags.iter().map(class).collect()).transpose()?;
        Ok(Sentence { words: raw.words, tags })
    };
    sentences.into_iter().map(known).collect()
}

/// The sentences of a file, and the names that it lists for its labels.
fn raw(path: &Path, lists: Option<(&str, &str)>, labelled: bool) -> Result<(Vec<Raw>, Option<Vec<String>>)> {
    if is_columns(path) {
        return Ok((columns::read(path, labelled)?, None));
    }
    let Some((words, tags)) = lists else {
        bail!("{}: name the columns of words and labels with --text and --label", path.display());
    };
    lists::read(&Table::read(path)?, words, tags, labelled)
}
