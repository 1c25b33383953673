//! The official JSON of SQuAD: articles of paragraphs of questions.
//!
//! ```text
//! {"version": …, "data": [{"title": …, "paragraphs": [{"context": …, "qas": [{
//!     "id": …, "question": …, "answers": [{"text": …, "answer_start": …}, …], "is_impossible": …
//! }, …]}, …]}, …]}
//! ```
//!
//! SQuAD 1.1 has no `is_impossible`; the plausible answers of 2.0 are none, and passed over.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;
use sibert_files::bounded;

use super::{Answer, Question};

/// No file of SQuAD is longer; the training sets have 30 to 42 MB.
const LONGEST: u64 = 1 << 30;

/// The mark that some editors put before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads a file of the official layout; questions that are not to be `judged` need no answers.
///
/// # Errors
/// Names the file and the line, or the place in it.
pub(super) fn read(path: &Path, judged: bool) -> Result<Vec<Question>> {
    let bytes = bounded::bytes(path, LONGEST).with_context(|| format!("cannot read {}", path.display()))?;
    let json = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes);
    let file: Value = serde_json::from_slice(json).map_err(|error| {
        anyhow!(
            "{}: not JSON ({error}), expected SQuAD's official file or the hub's Parquet: was it copied completely?",
            path.display()
        )
    })?;
    let articles = each(&file, "data", |entry| article(entry, judged))
        .map_err(|error| anyhow!("{}: {error}", path.display()))?;
    Ok(articles.into_iter().flatten().flatten().collect())
}

/// The questions of an article, paragraph by paragraph.
fn article(article: &Value, judged: bool) -> Result<Vec<Vec<Question>>> {
    let title = if article.get("title").is_some() { text(article, "title")? } else { "" };
    each(article, "paragraphs", |paragraph| {
        let context: Arc<str> = text(paragraph, "context")?.into();
        each(paragraph, "qas", |entry| question(entry, title, &context, judged))
    })
}

fn question(entry: &Value, title: &str, context: &Arc<str>, judged: bool) -> Result<Question> {
    let impossible = match entry.get("is_impossible") {
        None => false,
        Some(Value::Bool(impossible)) => *impossible,
        Some(other) => bail!("is_impossible: expected true or false, found {}", kind(other)),
    };
    let answers = if !judged || impossible && entry.get("answers").is_none() {
        Vec::new()
    } else {
        each(entry, "answers", answer)?
    };
    Ok(Question {
        id: text(entry, "id")?.to_owned(),
        title: title.to_owned(),
        question: text(entry, "question")?.to_owned(),
        context: context.clone(),
        impossible: impossible || answers.is_empty(),
        answers,
    })
}

fn answer(entry: &Value) -> Result<Answer> {
    let start = field(entry, "answer_start")?;
    let characters = start.as_u64().and_then(|start| usize::try_from(start).ok());
    let start = characters.with_context(|| {
        let found = if start.is_number() { start.to_string() } else { kind(start).to_owned() };
        format!("answer_start: expected a number of characters, found {found}")
    })?;
    Ok(Answer { text: text(entry, "text")?.to_owned(), start })
}

/// The results of `read` for each element of the list `key`.
fn each<T>(object: &Value, key: &str, read: impl Fn(&Value) -> Result<T>) -> Result<Vec<T>> {
    let list = field(object, key)?;
    let Value::Array(list) = list else { bail!("{key}: expected a list, found {}", kind(list)) };
    let element = |(index, value)| read(value).map_err(|error| anyhow!("{key}[{index}].{error}"));
    list.iter().enumerate().map(element).collect()
}

fn text<'a>(object: &'a Value, key: &str) -> Result<&'a str> {
    let value = field(object, key)?;
    value.as_str().with_context(|| format!("{key}: expected a string, found {}", kind(value)))
}

fn field<'a>(object: &'a Value, key: &str) -> Result<&'a Value> {
    let Value::Object(entries) = object else {
        bail!("{key}: expected an object that has it, found {}", kind(object))
    };
    entries.get(key).with_context(|| format!("{key}: missing"))
}

/// The type of a value, in words.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
