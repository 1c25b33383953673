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
use sibert_data::glue::Split;
use sibert_data::task::{Kind, Task};
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

/// What is said of one example.
#[derive(Clone, Debug, PartialEq)]
pub enum Prediction {
    /// A class, as the task counts them.
    Class(u32),
    /// A score.
    Score(f32),
}

/// What stands in the second column.
#[derive(Clone, Copy)]
enum Column {
    /// The label of a class.
    Labels(&'static [&'static str]),
    /// A number from 0 to 5.
    Scores,
}

impl Column {
    fn of(task: Task) -> Result<Self> {
        match (task, task.kind()) {
            (Task::Mnli | Task::Ax | Task::Qnli | Task::Rte, Kind::Classes(names)) => Ok(Self::Labels(names)),
            (_, Kind::Classes(_)) => Ok(Self::Labels(&["0", "1"])),
            (_, Kind::Score) => Ok(Self::Scores),
            (_, Kind::Span { .. }) => {
                bail!("{task} has no file on the GLUE leaderboard, its answers are JSON")
            }
        }
    }
}

/// Writes the predictions for a set, in its order, into the folder `out`; a score is clipped to 0 … 5.
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

/// The name of a set's file.
fn file(task: Task, split: Split) -> Result<&'static str> {
    let mismatched = matches!(split, Split::ValidationMismatched | Split::TestMismatched);
    ensure!(!mismatched || task == Task::Mnli, "{task} has no mismatched set, only MNLI has");
    let stem = match (task, mismatched) {
        (Task::Mnli, false) => "MNLI-m",
        (Task::Mnli, true) => "MNLI-mm",
        _ => task.title(),
    };
    let file = FILES.into_iter().find(|name| name.strip_suffix(".tsv") == Some(stem));
    file.with_context(|| format!("{task} has no file on the GLUE leaderboard"))
}

fn text(task: Task, predictions: &[Prediction]) -> Result<String> {
    let column = Column::of(task)?;
    let mut text = format!("{HEADER}\n");
    let mut clipped = 0;
    for (index, prediction) in predictions.iter().enumerate() {
        match (column, prediction) {
            (Column::Labels(labels), Prediction::Class(class)) => {
                let label = labels.get(*class as usize).with_context(|| {
                    format!(
                        "prediction {index} is class {class}, {task} has only classes 0 to {}",
                        labels.len() - 1
                    )
                })?;
                writeln!(text, "{index}\t{label}")?;
            }
            (Column::Scores, Prediction::Score(score)) if score.is_finite() => {
                let score_in_range = score.clamp(0., 5.) + 0.; // no -0.000
                clipped += usize::from(score_in_range != *score);
                writeln!(text, "{index}\t{score_in_range:.3}")?;
            }
            (Column::Scores, Prediction::Score(score)) => {
                bail!("prediction {index} is {score}, expected a number: has the training diverged?")
            }
            (Column::Labels(_), Prediction::Score(_)) => {
                bail!("prediction {index} is a score, {task} has classes")
            }
            (Column::Scores, Prediction::Class(_)) => {
                bail!("prediction {index} is a class, {task} has scores")
            }
        }
    }
    if clipped > 0 {
        note(format!("{task}: {clipped} of {} scores are outside 0 to 5 and clipped", predictions.len()));
    }
    Ok(text)
}
