//! Tables whose columns nobody knows beforehand, whole: csv, tsv, JSON lines and Parquet.
//!
//! [`crate::examples`] reads the columns that a task names; here are all of them, to find out what a column holds, or to give
//! every one back beside a model's answer.

pub(crate) mod delimited;
mod parquet;
pub(crate) mod quotes;
mod read;
mod text;
mod write;

use std::path::Path;

use anyhow::Result;
use serde_json::Value;

pub use read::ending;
pub(crate) use read::refuse_compressed;
pub(crate) use text::text_of;
pub use write::{check_name, write};

/// Rows and columns of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// The file, as people know it.
    pub file: String,
    /// The names of the columns, in the order of the file.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Row>,
    /// For columns of class numbers whose file lists the classes: their names. As many as there are columns.
    pub listed: Vec<Option<Vec<String>>>,
    is_parquet: bool,
}

/// A row of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The line in which it begins; of Parquet, its number.
    pub line: usize,
    /// A cell for each column: of csv and tsv a text, null where JSON lacks the key.
    pub cells: Vec<Value>,
}

impl Table {
    /// A table of these rows, which each have a cell for every column.
    pub fn new(file: &str, columns: Vec<String>, rows: Vec<Row>) -> Self {
        let listed = vec![None; columns.len()];
        Self { file: file.to_owned(), columns, rows, listed, is_parquet: false }
    }

    /// Reads the file at `path`.
    ///
    /// # Errors
    /// If it cannot be read, is damaged or has no row; names file and line, and the mend.
    pub fn read(path: &Path) -> Result<Self> {
        read::read(path)
    }

    /// `FILE:LINE` of a row.
    pub fn place(&self, row: &Row) -> String {
        let between = if self.is_parquet { ": row " } else { ":" };
        format!("{}{between}{}", self.file, row.line)
    }

    /// The place of a column, whatever its case.
    ///
    /// # Errors
    /// If there is none, or more than one: says which there are.
    pub fn column(&self, name: &str) -> Result<usize, String> {
        let places = |is: fn(&str, &str) -> bool| -> Vec<usize> {
            let named = self.columns.iter().enumerate().filter(|(_, column)| is(column, name));
            named.map(|(place, _)| place).collect()
        };
        let same = places(|column, name| column == name);
        let alike = if same.is_empty() {
            places(|column, name| column.trim().eq_ignore_ascii_case(name))
        } else {
            same
        };
        if let [first, second, ..] = alike[..] {
            let file = &self.file;
            return Err(format!(
                "{file}: columns {} and {} are both named {name}: rename one",
                first + 1,
                second + 1
            ));
        }
        alike.first().copied().ok_or_else(|| {
            let near = self.columns.iter().find(|column| strsim::damerau_levenshtein(column, name) <= 2);
            let hint = near.map(|near| format!(" (did you mean {near}?)")).unwrap_or_default();
            format!("{}: no column {name}{hint}, found {}", self.file, self.columns.join(", "))
        })
    }
}

/// A cell as people read it: a text as it is, anything else as JSON; nothing for null.
pub fn shown(cell: &Value) -> String {
    match cell {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
