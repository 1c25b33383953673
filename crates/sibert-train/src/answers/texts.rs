//! Texts and pairs of texts, an input each: what classes and scores share.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::{Value, json};
use sibert_data::dataset::DataSource;
use sibert_data::examples::{self, Example, Target};
use sibert_data::table::{Row, Table, shown};
use sibert_data::task::{Metric, Names, Split, Task};

use super::{Place, Purpose, Usual, Wanted, Words};
use crate::console::note;
use crate::submission::{self, Prediction};
use crate::tuned::{Encoded, Figures, Sequence, encode, figure_names, warn_of_unknown};

/// Settings that mean nothing to texts.
pub const IDLE: [&str; 5] = ["n_best", "max_answer_len", "null_threshold", "doc_stride", "max_query_len"];

/// What `config.json` and the model card say of classes, and with changes of other labels of texts.
pub fn words() -> Words {
    Words {
        class: "ForSequenceClassification",
        problem: Some("single_label_classification"),
        pipeline: ("text-classification", "Text Classification"),
        family: "glue",
        output: String::new(),
        limit: "Text beyond the longest input of the settings is cut off.",
    }
}

/// BERT's settings for GLUE: transformers' run_glue table, and google-research/bert for smaller models.
pub const USUAL: Usual =
    Usual { max_seq_len: 128, batch_size: 32, large_lr: 2e-5, epochs: [3, 4], by_angles: true };

/// Texts as inputs, and the right answers that the file has for them.
pub struct Texts {
    /// The task.
    pub task: Task,
    /// Which of its sets.
    pub split: Split,
    /// An input a row.
    pub sequences: Vec<Sequence>,
    /// The right answer of each; none where the file has none.
    pub targets: Vec<Option<Target>>,
}

impl Texts {
    /// Reads and encodes a set.
    ///
    /// # Errors
    /// If it cannot be read or is empty, or an example has no label where one must be.
    pub fn read(task: Task, wanted: &Wanted) -> Result<Self> {
        let (split, most, purpose) = (wanted.split, wanted.lengths.max_seq_len, wanted.purpose);
        let mut examples = match wanted.place {
            Place::Source(source) => examples::read(task, split, source, &note)?,
            Place::Questions(file) => no_questions(task, file)?,
            Place::Table(table) => of_table(task, table)?,
        };
        examples.truncate(wanted.most);
        ensure!(!examples.is_empty(), "{task}: the {split} is empty");
        let unlabelled = examples.iter().position(|example| example.target.is_none());
        if let Some(row) = unlabelled.filter(|_| purpose != Purpose::Answer) {
            bail!("{task}: row {} of the {split} has no label", row + 1);
        }
        let Encoded { sequences, cut } = encode(&examples, wanted.tokenizer, most)?;
        let (rows, purpose) = (examples.len(), purpose.words());
        if cut > 0 {
            note(format!("{task}: {cut} of {rows} examples {purpose} are cut to {most} tokens"));
        }
        warn_of_unknown(&format!("{task}, examples {purpose}"), &sequences, wanted.tokenizer)?;
        let targets = examples.into_iter().map(|example| example.target).collect();
        Ok(Self { task, split, sequences, targets })
    }
}

/// Refuses a file of questions.
///
/// # Errors
/// Always: names the file.
pub fn no_questions<T>(task: Task, file: &Path) -> Result<T> {
    bail!("--questions {}: {task} has none, expected --task squad or squad_v2", file.display())
}

/// The texts of a table, in the columns that the task names.
fn of_table(task: Task, table: &Table) -> Result<Vec<Example>> {
    let named = task.file().columns.as_ref();
    let named = named.into_iter().flat_map(|named| [Some(&named.text), named.pair.as_ref()]).flatten();
    let columns = columns(table, &named.collect::<Vec<_>>())?;
    let example = |row: &Row| -> Result<Example> {
        let mut texts = columns.iter().map(|column| shown(&row.cells[*column]));
        let (text, pair) = (texts.next().unwrap_or_default(), texts.next());
        let is_empty = text.trim().is_empty() || pair.as_ref().is_some_and(|pair| pair.trim().is_empty());
        ensure!(!is_empty, "{}: the text is empty: fill it in, or leave the row out", table.place(row));
        Ok(Example { text, pair, target: None })
    };
    table.rows.iter().map(example).collect()
}

/// The places of columns in a table, each by the first of its names that is there.
///
/// # Errors
/// If one is missing.
pub fn columns(table: &Table, named: &[&Names]) -> Result<Vec<usize>> {
    let place = |names: &&Names| {
        let found = names.0.iter().find_map(|name| table.column(name).ok());
        found.map_or_else(|| table.column(names.0.first().map_or("", String::as_str)), Ok)
    };
    named.iter().map(|names| place(names).map_err(|why| anyhow!(why))).collect()
}

/// Whether the sets to train on and to judge by can be read.
///
/// # Errors
/// If one cannot.
pub fn check(task: Task, source: &DataSource) -> Result<()> {
    examples::check(task, Split::Train, source)?;
    task.validation_splits().try_for_each(|split| examples::check(task, split, source))
}

/// The sets to answer.
///
/// # Errors
/// If there is none.
pub fn asked(task: Task) -> Result<Vec<Split>> {
    ensure!(task.has(Split::Test), "{task} has no test set: name it in [files] of its own file");
    Ok(task.test_splits().collect())
}

/// The figures of a leaderboard file beside a development set with labels, by `figure` of predicted and actual answers.
///
/// # Errors
/// If a file cannot be read, or they have not as many rows.
pub fn score_file(
    task: Task,
    predictions: &Path,
    dataset: &Path,
    figure: impl Fn(Metric, &[Prediction], &[Example]) -> f64,
) -> Result<Value> {
    ensure!(task.has(Split::Validation), "{task} has no labels to compare with");
    let examples: Vec<Example> = examples::read_file(task, Split::Validation, dataset, &note)?;
    let predicted = submission::read(predictions, task)?;
    ensure!(
        predicted.len() == examples.len(),
        "{} has {} predictions, {} has {} examples: is it for another set?",
        predictions.display(),
        predicted.len(),
        dataset.display(),
        examples.len()
    );
    let mut figures = Figures::default();
    for (metric, name) in figure_names(task, Split::Validation) {
        figures.insert(&name, figure(metric, &predicted, &examples));
    }
    Ok(json!({ "task": task.name(), "figures": figures }))
}

/// The file of the data set that predictions are compared with.
///
/// # Errors
/// If none was named.
pub fn dataset(args: &crate::args::EvaluateArgs) -> Result<&Path> {
    let dataset = args.data.dataset.as_deref().context("name the file of the data set with --dataset")?;
    Ok(Path::new(dataset))
}
