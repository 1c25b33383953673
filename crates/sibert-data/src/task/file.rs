//! A task as a file: what `tasks/NAME.toml` and a file of one's own say.
//!
//! ```toml
//! name = "reviews"                      # in options, files and folders
//! question = "how good is the film?"    # for the model card
//! labels = ["bad", "fair", "good"]      # the classes in the order of the model; or score = {}, for numbers
//! # several = ","                       # lets any number of the labels hold; words = true gives one to each word;
//! # marked = true                       # a column for each of the labels, 0 or 1: they are named as label
//!
//! [columns]
//! text = "review"                       # pair = "…" for a second text
//! label = "verdict"
//!
//! [files]                               # below --data-dir, else beside this file: csv, tsv, jsonl or parquet
//! train = "train.csv"
//! validation = "dev.csv"                # or held_out = 0.1, a tenth of the training set
//! test = "test.csv"
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};

use super::files::{Files, HubSets, Names};
use super::{BySplit, Metric};

/// A task, as its file says it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskFile {
    /// Its name in options, files and folders: small letters, digits, `_` and `-`.
    pub name: String,
    /// Its name in print, where it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Other spellings of its name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Its question, for the model card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// Its classes, in the order of a new head.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Whether files may have 0, 1, … in place of the classes' names.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub numbered: bool,
    /// Whether the labels are told apart letter by letter, and not by letters and digits alone, whatever their case.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exact: bool,
    /// For texts that several of the labels may hold for, or none: what stands between them in a cell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub several: Option<String>,
    /// Whether each label has a column of its own, which says with 0 or 1 whether it holds; beside `several`, which stands
    /// between the labels of an answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub marked: bool,
    /// Whether each word has a label, and not each text.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub words: bool,
    /// For numbers in place of classes: their range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<Range>,
    /// For SQuAD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
    /// Its figures; the mean of them chooses the best checkpoint. Accuracy, or Pearson and Spearman of scores, where
    /// none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
    /// The task whose models answer this one, which has no training set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_of: Option<String>,
    /// Whether averages are also taken without it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left_out_of_average: bool,
    /// Where its official files are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub official: Option<String>,
    /// The columns of its files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<ColumnNames>,
    /// Its files.
    #[serde(default)]
    pub files: Files,
    /// Its sets on the hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hub: Option<HubSets>,
    /// The rows of its official sets; without the broken ones.
    #[serde(default)]
    pub rows: BySplit<Option<usize>>,
    /// The names of the leaderboard's files, where they are not the title.
    #[serde(default)]
    pub leaderboard: BySplit<Option<String>>,
    /// Its training settings unless the user names others.
    #[serde(default)]
    pub defaults: TaskDefaults,
}

/// The numbers that scores may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Range {
    /// The least of them.
    pub least: Option<f32>,
    /// The greatest of them.
    pub most: Option<f32>,
}

impl Range {
    /// Whether a number may be a score.
    pub fn contains(&self, number: f64) -> bool {
        let (least, most) = (self.least.unwrap_or(f32::MIN), self.most.unwrap_or(f32::MAX));
        (f64::from(least)..=f64::from(most)).contains(&number)
    }

    /// The nearest number that may be a score.
    pub fn clamp(&self, number: f32) -> f32 {
        number.max(self.least.unwrap_or(f32::MIN)).min(self.most.unwrap_or(f32::MAX))
    }
}

impl fmt::Display for Range {
    /// `a number from 0 to 5`
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match (self.least, self.most) {
            (Some(least), Some(most)) => write!(f, "a number from {least} to {most}"),
            (Some(least), None) => write!(f, "a number from {least} on"),
            (None, Some(most)) => write!(f, "a number up to {most}"),
            (None, None) => f.write_str("a number"),
        }
    }
}

/// Words of a context as an answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// Whether a question may have no answer.
    pub unanswerable: bool,
}

/// The names of the columns of a file; of several, the first that is there counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnNames {
    /// The text.
    pub text: Names,
    /// The second text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair: Option<Names>,
    /// The label.
    pub label: Names,
    /// Where the columns are in a set with labels whose file does not name them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unnamed: Option<Unnamed>,
}

/// Columns by place, from 0 on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unnamed {
    /// How many there are.
    pub count: usize,
    /// The text's.
    pub text: usize,
    /// The label's.
    pub label: usize,
}

/// The training settings of a task unless the user names others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TaskDefaults {
    /// Whether its training set is so small that it takes more epochs.
    pub few_examples: bool,
    /// Peak learning rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lr: Option<f64>,
    /// Passes over the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<usize>,
    /// Examples in a step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<usize>,
    /// Longest input in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_seq_len: Option<usize>,
}
