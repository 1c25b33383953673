//! The files back, as predictions.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use sibert_data::task::Task;
use sibert_files::bounded;

use super::{Column, HEADER, Prediction};

/// Reads a file of the leaderboard, in the order of its rows.
///
/// A byte order mark and lines that end in `\r\n` are accepted.
///
/// # Errors
/// Names the file and the line: another header, an index that is not the next one, a label that is none of the task's.
pub fn read(path: &Path, task: Task) -> Result<Vec<Prediction>> {
    let column = Column::of(task)?;
    let name = path.display();
    let bytes = bounded::bytes(path, bounded::CONFIG).with_context(|| format!("cannot read {name}"))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        anyhow!("{name}: byte offset {offset}: not UTF-8: expected a text file as sibert predict writes it")
    })?;
    let mut lines = text.strip_prefix('\u{feff}').unwrap_or(&text).lines();
    let header = lines.next().unwrap_or_default();
    ensure!(
        header == HEADER,
        "{name}:1: expected the header index⇥prediction, with a tab between, found {header:?}: is it a file of the \
         GLUE leaderboard?"
    );
    let read = |(index, line): (usize, &str)| {
        row(line, index, task, column).with_context(|| format!("{name}:{}", index + 2))
    };
    lines.enumerate().map(read).collect()
}

fn row(line: &str, index: usize, task: Task, column: Column) -> Result<Prediction> {
    let columns: Vec<&str> = line.split('\t').collect();
    let [found_index, found] = columns[..] else {
        bail!("expected 2 columns with a tab between, found {}: {line:?}", columns.len());
    };
    ensure!(
        found_index.parse() == Ok(index),
        "expected index {index}, found {found_index:?}: the rows must be there all and in order"
    );
    match column {
        Column::Labels(_) | Column::Numbers(_) => {
            match column.labels().iter().position(|label| label == found) {
                Some(class) => Ok(Prediction::Class(class as u32)),
                None => {
                    bail!(
                        "expected one of {}, found {found:?}: is it the file of another task than {task}?",
                        column.labels().join(", ")
                    )
                }
            }
        }
        Column::Scores(_) => match found.parse() {
            Ok(score) if f32::is_finite(score) => Ok(Prediction::Score(score)),
            _ => bail!("expected a number, found {found:?}: is it the file of another task than {task}?"),
        },
    }
}
