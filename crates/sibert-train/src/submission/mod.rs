//! The files of the GLUE leaderboard: one a test set, and the archive that the site takes.
//!
//! ```text
//! index⇥prediction        CoLA.tsv SST-2.tsv MRPC.tsv QQP.tsv WNLI.tsv      0 or 1
//! 0⇥entailment            MNLI-m.tsv MNLI-mm.tsv AX.tsv                     entailment, neutral or contradiction
//! 1⇥neutral               QNLI.tsv RTE.tsv                                  entailment or not_entailment
//! …                       STS-B.tsv                                         0.000 to 5.000
//! ```

mod archive;
mod read;
#[cfg(test)]
mod tests;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use sibert_data::task::{Kind, Range, Split, Task};
use sibert_files::durable;

use crate::console::note;

pub use archive::archive;
pub use read::read;

const HEADER: &str = "index\tprediction";

/// Every file of a submission.
const FILES: [&str; 11] = [
    "CoLA.tsv",
    "SST-2.tsv",
    "MRPC.tsv",
    "STS-B.tsv",
    "QQP.tsv",
    "MNLI-m.tsv",
    "MNLI-mm.tsv",
    "QNLI.tsv",
    "RTE.tsv",
    "WNLI.tsv",
    "AX.tsv",
];

/// The prediction for one example.
#[derive(Clone, Debug, PartialEq)]
pub enum Prediction {
    /// A class, as the task counts them.
    Class(u32),
    /// A score.
    Score(f32),
}

/// The second column.
#[derive(Clone, Copy)]
enum Column {
    /// The label of a class.
    Labels(&'static [String]),
    /// The number of a class.
    Numbers(usize),
    /// A score.
    Scores(Range),
}

impl Column {
    fn of(task: Task) -> Result<Self> {
        match task.kind() {
            Kind::Classes(names) if task.is_built_in() && task.is_numbered() => {
                Ok(Self::Numbers(names.len()))
            }
            Kind::Classes(names) => Ok(Self::Labels(names)),
            Kind::Score(range) => Ok(Self::Scores(range)),
            Kind::Labels(_) | Kind::Words(_) => bail!("{task} has no file on the GLUE leaderboard"),
            Kind::Span { .. } => bail!("{task} has no file on the GLUE leaderboard, its answers are JSON"),
        }
    }

    /// The text for a class; none if there is no such class.
    fn label(self, class: u32) -> Option<String> {
        match self {
            Self::Labels(names) => names.get(class as usize).cloned(),
            Self::Numbers(count) => Some(class.to_string()).filter(|_| (class as usize) < count),
            Self::Scores(_) => None,
        }
    }

    /// The texts for all classes, in their order.
    fn labels(self) -> Vec<String> {
        (0..).map_while(|class| self.label(class)).collect()
    }
}

/// Writes the predictions for a set, in its order, into the folder `out`; a score is clipped to the task's range.
///
/// # Errors
/// If a prediction is none of the task's, or the file cannot be written; nothing is left of it then.
pub fn write(out: &Path, task: Task, split: Split, predictions: &[Prediction]) -> Result<PathBuf> {
    let name = file(task, split)?;
    let text = text(task, predictions).with_context(|| format!("cannot write {name}"))?;
    let path = out.join(name);
    durable::replace(&path, &text)?;
    Ok(path)
}

/// The name of a set's file; a development set has that of the test set.
fn file(task: Task, split: Split) -> Result<String> {
    ensure!(!task.is_squad(), "{task} has no file on the GLUE leaderboard");
    let split = match split {
        Split::Train | Split::Validation | Split::Test => Split::Test,
        Split::ValidationMismatched | Split::TestMismatched => Split::TestMismatched,
    };
    ensure!(task.has(split), "{task} has no {split}");
    let stem = task.file().leaderboard.of(split).as_deref();
    Ok(format!("{}.tsv", stem.unwrap_or(task.title())))
}

fn text(task: Task, predictions: &[Prediction]) -> Result<String> {
    let column = Column::of(task)?;
    let mut text = format!("{HEADER}\n");
    let mut clipped = 0;
    for (index, prediction) in predictions.iter().enumerate() {
        match (column, prediction) {
            (Column::Labels(_) | Column::Numbers(_), Prediction::Class(class)) => {
                let label = column.label(*class).with_context(|| {
                    let last = column.labels().len() - 1;
                    format!("prediction {index} is class {class}, {task} has only classes 0 to {last}")
                })?;
                writeln!(text, "{index}\t{label}")?;
            }
            (Column::Scores(range), Prediction::Score(score)) if score.is_finite() => {
                let score_in_range = range.clamp(*score) + 0.; // no -0.000
                clipped += usize::from(score_in_range != *score);
                writeln!(text, "{index}\t{score_in_range:.3}")?;
            }
            (Column::Scores(_), Prediction::Score(score)) => {
                bail!("prediction {index} is {score}, expected a number: has the training diverged?")
            }
            (Column::Labels(_) | Column::Numbers(_), Prediction::Score(_)) => {
                bail!("prediction {index} is a score, {task} has classes")
            }
            (Column::Scores(_), Prediction::Class(_)) => {
                bail!("prediction {index} is a class, {task} has scores")
            }
        }
    }
    if clipped > 0 {
        let Column::Scores(range) = column else { return Ok(text) };
        let range = range.to_string().replacen("a number from ", "", 1);
        note(format!("{task}: {clipped} of {} scores are outside {range} and clipped", predictions.len()));
    }
    Ok(text)
}
