//! A model's answers as columns of a table.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::Value;
use sibert_data::table::{self, Row, Table};
use sibert_data::task::Task;

/// What is added to each row.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// A cell for each column.
    pub rows: Vec<Vec<Value>>,
}

impl Answered {
    /// A column with names, and one with the probability of each of `names`.
    pub fn of_names(
        column: &str,
        found: impl Iterator<Item = Value>,
        names: &[String],
        shares: impl Iterator<Item = Vec<f64>>,
    ) -> Self {
        let columns = std::iter::once(column.to_owned()).chain(names.iter().map(|name| format!("p_{name}")));
        let row = |(found, shares): (Value, Vec<f64>)| {
            let shares = shares.into_iter().map(|share| Value::from((share * 1e6).round() / 1e6));
            std::iter::once(found).chain(shares).collect()
        };
        Self { columns: columns.collect(), rows: found.zip(shares).map(row).collect() }
    }

    /// The table with these columns behind its own; one whose name is taken has `predicted_` in front.
    pub fn beside(self, table: &Table) -> Table {
        let mut whole = table.clone();
        for mut name in self.columns {
            while whole.columns.contains(&name) {
                name.insert_str(0, "predicted_");
            }
            whole.columns.push(name);
        }
        whole.rows.iter_mut().zip(self.rows).for_each(|(row, cells)| row.cells.extend(cells));
        whole
    }

    /// Writes the answers to a test set as `TASK.jsonl` in the folder `out`.
    ///
    /// # Errors
    /// Names the file that cannot be written.
    pub fn write(self, task: Task, out: &Path) -> Result<Vec<PathBuf>> {
        let rows = (0..self.rows.len()).map(|line| Row { line, cells: vec![line.into()] }).collect();
        let path = out.join(format!("{}.jsonl", task.name()));
        table::write(&self.beside(&Table::new("", vec!["index".into()], rows)), &path)?;
        Ok(vec![path])
    }
}
