//! SQuAD as Parquet, in the columns of `rajpurkar/squad` and `rajpurkar/squad_v2` on the hub.
//!
//! `id`, `title`, `context`, `question`, and `answers` with the lists `text` and `answer_start`, both empty where the
//! context does not answer.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail, ensure};
use parquet::record::Field;

use super::{Answer, Question};
use crate::parquet_file::Table;

/// The columns that must be there; the last one of questions that are to be judged.
const COLUMNS: [&str; 4] = ["id", "context", "question", ANSWERS];
const ANSWERS: &str = "answers";

/// Reads a Parquet file; questions that are not to be `judged` need no answers.
///
/// # Errors
/// Names the file and the row.
pub(super) fn read(path: &Path, judged: bool) -> Result<Vec<Question>> {
    let table = Table::open(path)?;
    ensure_columns(&table.names(), judged).map_err(|error| anyhow!("{}: {error}", path.display()))?;
    let mut rows = table.rows(None)?;
    let mut questions: Vec<Question> = Vec::new();
    while let Some(row) = rows.next() {
        let before = questions.last().map(|question| &question.context);
        let question = question(row?, before, judged);
        questions.push(question.map_err(|error| anyhow!("{}: {error}", rows.place()))?);
    }
    Ok(questions)
}

fn ensure_columns(found: &[&str], judged: bool) -> Result<()> {
    let wanted = COLUMNS.into_iter().filter(|column| judged || *column != ANSWERS);
    let missing: Vec<&str> = wanted.filter(|column| !found.contains(column)).collect();
    ensure!(
        missing.is_empty(),
        "no column {}, found {}: expected a file of rajpurkar/squad or rajpurkar/squad_v2",
        missing.join(", "),
        found.join(", ")
    );
    Ok(())
}

/// The question in a row, which shares the context `before` it if it has the same.
fn question(row: Vec<(String, Field)>, before: Option<&Arc<str>>, judged: bool) -> Result<Question> {
    let [mut id, mut title, mut context, mut asked] = [const { String::new() }; 4];
    let mut answers = Vec::new();
    for (column, field) in row {
        let read = match column.as_str() {
            "id" => text(field).map(|text| id = text),
            "title" => text(field).map(|text| title = text),
            "context" => text(field).map(|text| context = text),
            "question" => text(field).map(|text| asked = text),
            ANSWERS if judged => answers_of(field).map(|found| answers = found),
            _ => Ok(()),
        };
        read.map_err(|error| anyhow!("column {column}: {error}"))?;
    }
    let context = before.filter(|before| ***before == *context).cloned().unwrap_or_else(|| context.into());
    Ok(Question { id, title, question: asked, context, impossible: answers.is_empty(), answers })
}

fn answers_of(field: Field) -> Result<Vec<Answer>> {
    let Field::Group(lists) = field else { bail!("found {field}, expected text and answer_start") };
    let (mut texts, mut starts) = (Vec::new(), Vec::new());
    for (name, list) in lists.into_columns() {
        match name.as_str() {
            "text" => texts = elements(&list)?.iter().cloned().map(text).collect::<Result<Vec<_>>>()?,
            "answer_start" => starts = elements(&list)?.iter().map(number).collect::<Result<Vec<_>>>()?,
            _ => {}
        }
    }
    ensure!(
        texts.len() == starts.len(),
        "found {} in text and {} in answer_start, expected as many",
        texts.len(),
        starts.len()
    );
    Ok(texts.into_iter().zip(starts).map(|(text, start)| Answer { text, start }).collect())
}

fn elements(list: &Field) -> Result<&[Field]> {
    match list {
        Field::ListInternal(list) => Ok(list.elements()),
        other => bail!("found {other}, expected a list"),
    }
}

fn text(field: Field) -> Result<String> {
    match field {
        Field::Str(text) => Ok(text),
        Field::Bytes(bytes) => String::from_utf8(bytes.data().to_vec()).context("not UTF-8"),
        other => bail!("found {other}, expected a string"),
    }
}

fn number(field: &Field) -> Result<usize> {
    let number = match field {
        Field::Int(number) => usize::try_from(*number).ok(),
        Field::Long(number) => usize::try_from(*number).ok(),
        _ => None,
    };
    number.with_context(|| format!("found {field}, expected a number of characters"))
}
