//! The kinds of answers that tasks ask for, behind one trait: no other module asks which kind a task is of.
//!
//! ```text
//! Task ─ answers::of ─▶ Answers ─ read ─▶ Set ─┬─ sequences, targets ─▶ training
//!                          │                   └─ logits ─▶ Outcome, figures; or files of predictions
//!                          └─ head, usual settings, words for config.json and the card
//! ```
//!
//! | kind | head | loss | answers |
//! |---|---|---|---|
//! | [`classes`] | classifier of the first token | cross-entropy | the likeliest class |
//! | [`score`] | one number of the first token | squared error | the number |
//! | [`labels`] | a number for each label, of the first token | binary cross-entropy | the labels above one half |
//! | [`words`] | classifier of every token | cross-entropy of each word's first token | a class for each word |
//! | [`spans`] | start and end, of every token | cross-entropy of both | words of the context |

mod answered;
mod classes;
mod labels;
mod outcome;
mod report;
mod score;
mod spans;
mod texts;
mod words;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use candle_core::Device;
use serde_json::Value;
use sibert_data::dataset::DataSource;
use sibert_data::table::Table;
use sibert_data::task::{Kind, Labels, Metric, Split, Task};
use sibert_model::{HeadKind, Targets};
use tokenizers::Tokenizer;

use crate::args::{AnswerArgs, EvaluateArgs, LengthArgs};
use crate::tuned::{Figures, Lengths, Sequence};

pub use answered::Answered;
pub use outcome::Outcome;
pub use report::Report;

/// What a model says to each sequence: so many numbers for it, or for each of its tokens; padding left out.
pub type Logits = Vec<Vec<f32>>;

/// One kind of answer, for one task; where it says nothing, as for a text with a label.
pub trait Answers {
    /// The task.
    fn task(&self) -> Task;

    /// The head that gives them.
    fn head(&self) -> HeadKind;

    /// What `config.json` and the model card say of them.
    fn words(&self) -> Words;

    /// Settings where neither the user nor the task names others.
    fn usual(&self) -> Usual {
        texts::USUAL
    }

    /// Tokens that neighbouring windows of a long text share at most, unless the user says so.
    fn most_shared(&self, _max_seq_len: usize) -> usize {
        usize::MAX
    }

    /// The metrics whose mean chooses the best checkpoint.
    fn deciding(&self) -> Vec<Metric> {
        self.task().metrics().to_vec()
    }

    /// What turns a figure into percent.
    fn scale(&self) -> f64 {
        100.
    }

    /// Settings that mean nothing to this kind.
    fn idle_settings(&self) -> &'static [&'static str] {
        &texts::IDLE
    }

    /// Whether the sets to train on and to judge by can be read.
    ///
    /// # Errors
    /// If one cannot.
    fn check(&self, source: &DataSource) -> Result<()> {
        texts::check(self.task(), source)
    }

    /// The sets that `sibert predict` answers.
    ///
    /// # Errors
    /// If there is none.
    fn asked(&self) -> Result<Vec<Split>> {
        texts::asked(self.task())
    }

    /// A set as inputs of a model.
    ///
    /// # Errors
    /// If it cannot be read, is empty, does not fit the lengths, or has no answer where one must be.
    fn read(&self, wanted: &Wanted) -> Result<Box<dyn Set>>;

    /// The figures of a file of predictions beside the file of its data set.
    ///
    /// # Errors
    /// If a file cannot be read, or they do not belong together.
    fn score_file(&self, predictions: &Path, args: &EvaluateArgs) -> Result<Value>;
}

/// Refuses options that mean nothing to any of the tasks, which would go by in silence.
///
/// # Errors
/// If there is one; the message names it.
pub fn refuse_idle(tasks: &[Task], lengths: &LengthArgs, answers: &AnswerArgs) -> Result<()> {
    let given = [
        ("doc_stride", lengths.doc_stride.is_some()),
        ("max_query_len", lengths.max_query_len.is_some()),
        ("n_best", answers.n_best.is_some()),
        ("max_answer_len", answers.max_answer_len.is_some()),
        ("null_threshold", answers.null_threshold.is_some()),
    ];
    for (name, _) in given.into_iter().filter(|(_, given)| *given) {
        if tasks.iter().all(|task| of(*task).idle_settings().contains(&name)) {
            let tasks: Vec<&str> = tasks.iter().map(|task| task.name()).collect();
            bail!("--{} means nothing to {}: leave it out", name.replace('_', "-"), tasks.join(", "))
        }
    }
    Ok(())
}

/// Rows of a data set as inputs of a model, with what is right for each.
pub trait Set: Send + Sync {
    /// The inputs: one a row, or the windows of all rows.
    fn sequences(&self) -> &[Sequence];

    /// Rows of the data set.
    fn len(&self) -> usize;

    /// All that is right, for a digest.
    fn describe(&self) -> String;

    /// Terms of the loss of some sequences, by whose number it is divided.
    fn terms(&self, batch: &[usize]) -> usize {
        batch.len()
    }

    /// The right answers of some sequences, as the model counts them.
    ///
    /// # Errors
    /// If the device fails.
    fn targets(&self, batch: &[usize], labels: &Labels, device: &Device) -> Result<Targets>;

    /// A model's answers, as far as figures need them, and figures beyond the task's metrics.
    ///
    /// # Errors
    /// If a figure cannot be written.
    fn judge(&self, logits: Logits, labels: &Labels, answers: &AnswerArgs) -> Result<(Outcome, Figures)>;

    /// One figure on the rows `indices`, which may repeat; NaN if the outcome is of another kind.
    fn figure(&self, metric: Metric, outcome: &Outcome, indices: &[u32]) -> f64;

    /// Figures of each class; none of other kinds of answers.
    fn report(&self, _logits: &Logits, _labels: &Labels) -> Option<Report> {
        None
    }

    /// A model's answers as columns of a table, a row each.
    ///
    /// # Errors
    /// If they cannot be columns.
    fn answered(&self, logits: &Logits, labels: &Labels) -> Result<Answered>;

    /// Writes a model's answers into the folder `out`.
    ///
    /// # Errors
    /// Names the file that cannot be written.
    fn write(
        &self,
        logits: Logits,
        labels: &Labels,
        answers: &AnswerArgs,
        out: &Path,
    ) -> Result<Vec<PathBuf>>;
}

/// The rows that are wanted, and what for.
pub struct Wanted<'a> {
    /// Which of the task's sets.
    pub split: Split,
    /// What for.
    pub purpose: Purpose,
    /// Where they are.
    pub place: Place<'a>,
    /// Rows, at most.
    pub most: usize,
    /// The model's tokenizer.
    pub tokenizer: &'a Tokenizer,
    /// How long its inputs are.
    pub lengths: Lengths,
}

/// Where rows are.
#[derive(Clone, Copy)]
pub enum Place<'a> {
    /// In the set of the task's data.
    Source(&'a DataSource),
    /// In a file of questions.
    Questions(&'a Path),
    /// In a table, without what is right.
    Table(&'a Table),
}

/// What rows are read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To train on.
    Train,
    /// To judge a model by.
    Judge,
    /// To be answered; there may be no right answers.
    Answer,
}

impl Purpose {
    /// `to train on`, behind the name of the rows.
    fn words(self) -> &'static str {
        match self {
            Purpose::Train => "to train on",
            Purpose::Judge => "to evaluate on",
            Purpose::Answer => "to predict",
        }
    }
}

/// What `config.json` and the model card say of a kind of answer.
pub struct Words {
    /// The name of transformers' class, without that of the architecture in front: `ForSequenceClassification`.
    pub class: &'static str,
    /// transformers' name for the loss, where its class has several.
    pub problem: Option<&'static str>,
    /// The hub's name for the kind of task, and that in print.
    pub pipeline: (&'static str, &'static str),
    /// The collection that a task of this kind is from, if it is built in.
    pub family: &'static str,
    /// The outputs of the model.
    pub output: String,
    /// What is not seen of long texts.
    pub limit: &'static str,
}

/// Settings where neither the user nor the task names others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usual {
    /// Longest input in tokens.
    pub max_seq_len: usize,
    /// Examples in a step.
    pub batch_size: usize,
    /// Peak rate of a BERT of width 512 or more.
    pub large_lr: f64,
    /// Passes over the data: of a BERT of width 512 or more, and of any other model.
    pub epochs: [usize; 2],
    /// Whether a SIBERT by the recipe learns them by the rule `spectral`, and not by LAMB: what was better, or was tried.
    pub by_angles: bool,
}

/// The kind of answer of a task: the one place that asks for it.
pub fn of(task: Task) -> Box<dyn Answers> {
    match task.kind() {
        Kind::Classes(names) => Box::new(classes::Classes { task, names }),
        Kind::Labels(names) => Box::new(labels::Several { task, names }),
        Kind::Words(names) => Box::new(words::OfWords { task, names }),
        Kind::Score(range) => Box::new(score::Score { task, range }),
        Kind::Span { unanswerable } => Box::new(spans::Spans { task, unanswerable }),
    }
}

/// The first of the largest values, as `argmax` of numpy.
fn largest(row: &[f32]) -> usize {
    let mut best = 0;
    for (index, value) in row.iter().enumerate() {
        if *value > row[best] {
            best = index;
        }
    }
    best
}

/// The figures of a file of predictions; of SQuAD where no task is named.
///
/// # Errors
/// As [`Answers::score_file`].
pub fn score_file(task: Option<Task>, predictions: &Path, args: &EvaluateArgs) -> Result<Value> {
    match task {
        Some(task) => of(task).score_file(predictions, args),
        None => spans::score_file(None, predictions, args),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn options_that_mean_nothing_to_any_task_are_refused() {
        let task = |name| Task::named(name).unwrap();
        let best = AnswerArgs { n_best: Some(3), ..AnswerArgs::default() };
        let stride = LengthArgs { doc_stride: Some(8), ..LengthArgs::default() };
        let (none, usual) = (AnswerArgs::default(), LengthArgs::default());
        let error =
            |tasks: &[Task], lengths, answers| refuse_idle(tasks, lengths, answers).unwrap_err().to_string();
        assert_eq!(error(&[task("mrpc")], &usual, &best), "--n-best means nothing to mrpc: leave it out");
        assert_eq!(
            error(&[task("mrpc"), task("stsb")], &stride, &none),
            "--doc-stride means nothing to mrpc, stsb: leave it out"
        );
        refuse_idle(&[task("mrpc"), task("squad")], &stride, &best).unwrap();
        refuse_idle(&[task("mrpc")], &usual, &none).unwrap();
    }
}
