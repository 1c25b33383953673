//! SQuAD: questions, the windows through which a model sees their contexts, and the answers read off its logits.
//!
//! files → [`Question`]s → [`windows()`] → a model → [`SpanLogits`] → [`answers()`] → files of predictions.
//!
//! Files hold places in a context in Unicode characters; all that is computed here counts in bytes of the original
//! text, so that an answer is a slice of it, whatever the tokenizer did to its letters.

mod align;
mod answers;
mod candidates;
mod context;
mod files;
mod official;
mod table;
#[cfg(test)]
mod tests;
mod windows;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use indexmap::IndexMap;

use super::dataset::DataSource;
use super::parquet_file::is_parquet;
use crate::Notes;
use crate::task::{Kind, Split, Task};

pub use answers::{AnswerSettings, Predictions, SpanLogits, answers};
pub use files::{read_na_probs, read_predictions, write};
pub use windows::{Window, WindowSettings, windows};

/// One value for each id of a question, in a fixed order.
pub type ById<T> = IndexMap<String, T>;

/// The answer to each question; an empty one says that there is none.
pub type Answers = ById<String>;

/// How likely each question has no answer, on any scale.
pub type Odds = ById<f64>;

/// An answer that annotators marked.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Its words, as they stand in the context.
    pub text: String,
    /// Where they begin in the context, in Unicode characters.
    pub start: usize,
}

/// A question about a context.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Its name, different from all others of the set.
    pub id: String,
    /// The article that the context is from.
    pub title: String,
    /// The question's text.
    pub question: String,
    /// The text that is to answer it; questions about one paragraph share it.
    pub context: Arc<str>,
    /// The right answers; in a training set usually one, elsewhere several.
    pub answers: Vec<Answer>,
    /// Whether the context does not answer it, as a third of SQuAD 2.0.
    pub impossible: bool,
}

/// Reads the training or the development set of SQuAD 1.1 or 2.0.
///
/// Answers that are not where the file says are looked for, with a note; a question to train on
/// whose answer is nowhere in its context is left out, as by run_squad.py of Devlin et al. (2019).
///
/// # Errors
/// If the set is not there, a file is damaged or of another layout, or `task` is not the one it is for.
pub fn read(task: Task, train: bool, source: &DataSource, notes: Notes) -> Result<Vec<Question>> {
    let (candidates, official) = set(task, train)?;
    let path = source.find(&candidates)?;
    let mut questions = read_file(&path, notes)?;
    ensure_fits(task, &questions, &path, notes)?;
    if let Some(official) = official.filter(|official| *official != questions.len()) {
        let found = questions.len();
        notes(format!("{}: {found} questions, {task}'s official set has {official}", path.display()));
    }
    align::align(&mut questions, train, &path, notes)?;
    Ok(questions)
}

/// Reads the development set of SQuAD 1.1 or 2.0 to answer it, whatever it says of answers.
///
/// # Errors
/// As [`read`].
pub fn read_unanswered(task: Task, source: &DataSource, notes: Notes) -> Result<Vec<Question>> {
    read_file_unanswered(&source.find(&set(task, false)?.0)?, notes)
}

/// Where a set may lie below the folder of its data, and how many questions it has.
fn set(task: Task, train: bool) -> Result<(Vec<String>, Option<usize>)> {
    ensure!(task.is_squad(), "{task} is not SQuAD");
    let split = if train { Split::Train } else { Split::Validation };
    let on_hub = task.file().hub.iter().flat_map(|hub| hub.of(split));
    let on_hub = on_hub.map(|set| format!("{set}-00000-of-00001.parquet"));
    let files = task.file().files.of(split).iter().cloned().chain(on_hub).collect();
    Ok((files, *task.file().rows.of(split)))
}

/// Reads a file of SQuAD: official JSON, 1.1 or 2.0, or Parquet as on the hub.
///
/// # Errors
/// Names the file, the place in it, what was expected and what was found.
pub fn read_file(path: &Path, notes: Notes) -> Result<Vec<Question>> {
    load(path, true, notes)
}

/// Reads a file of SQuAD to answer its questions: they need no answers, and those that are there are passed over.
///
/// # Errors
/// As [`read_file`].
pub fn read_file_unanswered(path: &Path, notes: Notes) -> Result<Vec<Question>> {
    load(path, false, notes)
}

fn load(path: &Path, judged: bool, notes: Notes) -> Result<Vec<Question>> {
    let questions =
        if is_parquet(path)? { table::read(path, judged)? } else { official::read(path, judged)? };
    ensure!(!questions.is_empty(), "{}: no question in it", path.display());
    ensure_distinct(&questions, path, notes)?;
    Ok(questions)
}

/// Refuses two questions of one id; that a question is there again, word for word, is odd but harmless.
fn ensure_distinct(questions: &[Question], path: &Path, notes: Notes) -> Result<()> {
    let mut seen: HashMap<&str, usize> = HashMap::with_capacity(questions.len());
    let mut again = Vec::new();
    for (index, question) in questions.iter().enumerate() {
        let earlier = *seen.entry(&question.id).or_insert(index);
        let (file, id) = (path.display(), &question.id);
        ensure!(
            earlier == index || questions[earlier] == *question,
            "{file}: questions {} and {} are different and have the same id {id}",
            earlier + 1,
            index + 1
        );
        again.extend((earlier != index).then_some(id));
    }
    if let Some(first) = again.first() {
        notes(format!("{}: {} questions are repeated, the first is {first}", path.display(), again.len()));
    }
    Ok(())
}

/// Refuses SQuAD 2.0 in place of 1.1; the other way round it is odd but possible.
fn ensure_fits(task: Task, questions: &[Question], path: &Path, notes: Notes) -> Result<()> {
    let impossible = questions.iter().find(|question| question.impossible);
    match (task.kind() == Kind::Span { unanswerable: true }, impossible) {
        (false, Some(question)) => bail!(
            "{}: question {} has no answer, which SQuAD 1.1 does not allow: is it SQuAD 2.0? (--task squad_v2)",
            path.display(),
            question.id
        ),
        (true, None) => {
            notes(format!(
                "{}: every question has an answer: is it SQuAD 1.1? (--task squad)",
                path.display()
            ));
            Ok(())
        }
        _ => Ok(()),
    }
}
