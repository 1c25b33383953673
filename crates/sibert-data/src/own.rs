//! A task made of a table: its classes are those that the training set has.
//!
//! ```text
//! train.csv ─ Table ─ the column of labels ─▶ classes, numbers, several labels, or a label for each word ─▶ Task
//! ```

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Result, anyhow, bail, ensure};
use serde_json::Value;

use crate::table::{Table, shown};
use crate::tagged;
use crate::task::{ColumnNames, Files, Metric, Names, Range, Task, TaskFile};

/// Above this a table of classes is more likely one of names or numbers, if most of them come once.
const MANY: usize = 20;

/// What the labels of a table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// One class for each text.
    Classes,
    /// A number for each text.
    Score,
    /// As many labels as hold for each text.
    Labels,
    /// A class for each word.
    Words,
}

impl FromStr for Asked {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "class" => Ok(Self::Classes),
            "number" => Ok(Self::Score),
            "labels" => Ok(Self::Labels),
            "words" => Ok(Self::Words),
            _ => Err("expected class, number, labels or words".into()),
        }
    }
}

/// A table as a task.
#[derive(Clone, Debug, Default)]
pub struct Own {
    /// The name of the task.
    pub name: String,
    /// The names of the sets' files, as they were given.
    pub train: String,
    /// The file to judge by.
    pub validation: Option<String>,
    /// In its place the share of the training set that is held out.
    pub held_out: Option<f64>,
    /// The columns of the text, or of both.
    pub texts: Vec<String>,
    /// The column of the labels; of several, each holds the marks of the label that it is named as.
    pub labels: Vec<String>,
    /// What they are; else the column tells.
    pub kind: Option<Asked>,
    /// What stands between several labels of a text.
    pub between: Option<String>,
    /// The figures that choose the best checkpoint.
    pub metrics: Vec<Metric>,
}

impl Own {
    /// The task, by the files of its training set.
    ///
    /// # Errors
    /// If a column or label is missing, the labels are not of the kind, or there is only one class; names file and line.
    pub fn task(&self, files: &[PathBuf]) -> Result<Task> {
        let (kind, labels) = match files.iter().all(|file| tagged::is_columns(file)) {
            true => (Asked::Words, tagged::names(files, None)?),
            false => self.found(files)?,
        };
        if let Some(asked) = self.kind.filter(|asked| *asked != kind) {
            let (found, expected) = match kind {
                Asked::Words => ("a word and its label a line", "words"),
                _ => ("a column for each of several labels", "labels"),
            };
            bail!("{}: {found}, expected --kind {expected}, found {asked:?}", self.train);
        }
        self.check_options(kind)?;
        let file = TaskFile {
            name: self.name.clone(),
            metrics: self.metrics.clone(),
            labels,
            marked: self.labels.len() > 1,
            exact: kind != Asked::Score,
            several: (kind == Asked::Labels).then(|| self.between()),
            words: kind == Asked::Words,
            score: (kind == Asked::Score).then(Range::default),
            columns: self.columns(),
            files: Files {
                held_out: self.held_out,
                train: Names(vec![self.train.clone()]),
                validation: Names(self.validation.iter().cloned().collect()),
                ..Files::default()
            },
            ..TaskFile::default()
        };
        Task::own(file, None).map_err(|why| anyhow!(why))
    }

    /// Refuses options that mean nothing, by the names of the command line.
    fn check_options(&self, kind: Asked) -> Result<()> {
        if let Some(share) = self.held_out {
            let fits = share > 0. && share < 1.;
            ensure!(fits, "--test-split {share}, expected a share above 0 and below 1, as 0.1 for a tenth");
        }
        if let Some(between) = &self.between {
            ensure!(!between.is_empty(), "--separator is empty, expected what stands between two labels");
            ensure!(
                kind == Asked::Labels && self.labels.len() == 1,
                "--separator {between:?} means nothing here: it stands between several labels in a cell, which --kind labels \
                 asks for"
            );
        }
        Ok(())
    }

    fn between(&self) -> String {
        self.between.clone().unwrap_or_else(|| ",".into())
    }

    fn columns(&self) -> Option<ColumnNames> {
        let one = |name: &String| Names(vec![name.clone()]);
        let text = self.texts.first()?;
        let pair = self.texts.get(1).map(one);
        let label = Names(self.labels.clone());
        (!label.0.is_empty()).then(|| ColumnNames { text: one(text), pair, label, unnamed: None })
    }

    /// The kind of the labels in some tables, and their names.
    fn found(&self, files: &[PathBuf]) -> Result<(Asked, Vec<String>)> {
        let (Some(label), Some(text)) = (self.labels.first(), self.texts.first()) else {
            bail!("{}: name the columns of text and label with --text and --label", self.train);
        };
        let tables: Vec<Table> = files.iter().map(|file| Table::read(file)).collect::<Result<_>>()?;
        for name in self.texts.iter().chain(&self.labels) {
            tables.iter().try_for_each(|table| table.column(name).map(drop)).map_err(|why| anyhow!(why))?;
        }
        if self.labels.len() > 1 {
            return Ok((Asked::Labels, self.labels.clone()));
        }
        let kind = self.kind.unwrap_or_else(|| kind(&cells(&tables, text), &cells(&tables, label)));
        Ok((
            kind,
            match kind {
                Asked::Score => {
                    varied(&tables, label)?;
                    Vec::new()
                }
                Asked::Words => tagged::names(files, Some((text, label)))?,
                Asked::Labels => names(&tables, label, Some(&self.between()))?,
                Asked::Classes => classes(&tables, label)?,
            },
        ))
    }
}

/// The cells of a column of all tables.
fn cells<'a>(tables: &'a [Table], name: &str) -> Vec<&'a Value> {
    let of_one = |table: &'a Table| {
        let column = table.column(name).ok();
        column.into_iter().flat_map(|column| table.rows.iter().map(move |row| &row.cells[column]))
    };
    tables.iter().flat_map(of_one).collect()
}

/// What labels are, as they look beside their texts.
fn kind(texts: &[&Value], labels: &[&Value]) -> Asked {
    let is_list = |cells: &[&Value]| cells.iter().any(|cell| cell.is_array());
    let numbers: Option<Vec<f64>> = labels.iter().map(|cell| number(cell)).collect();
    match (is_list(texts), is_list(labels)) {
        (true, true) => Asked::Words,
        (false, true) => Asked::Labels,
        _ if numbers.is_some_and(|numbers| numbers.iter().any(|x| x.fract() != 0.)) => Asked::Score,
        _ => Asked::Classes,
    }
}

/// The number in a cell.
fn number(cell: &Value) -> Option<f64> {
    match cell {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

/// Refuses numbers that are all the same.
fn varied(tables: &[Table], label: &str) -> Result<()> {
    let numbers: Vec<f64> = cells(tables, label).into_iter().filter_map(number).collect();
    let (file, rows) = (&tables[0].file, numbers.len());
    ensure!(
        rows == 0 || numbers.iter().any(|number| *number != numbers[0]),
        "{file}: the column {label} holds one number alone, {}, in all {rows} rows: expected two or more",
        numbers[0]
    );
    Ok(())
}

/// What a column of numbers has in its place in few of the rows, with file and line; empty for other columns.
fn odd_among_numbers(tables: &[Table], label: &str) -> String {
    let column = |table: &Table| table.column(label).unwrap_or_default();
    let rows = tables.iter().flat_map(|table| table.rows.iter().map(move |row| (table, row)));
    let (numbers, others): (Vec<_>, Vec<_>) =
        rows.partition(|(table, row)| number(&row.cells[column(table)]).is_some());
    match others.first() {
        Some((table, row)) if numbers.len() > others.len() => {
            let found = shown(&row.cells[column(table)]);
            format!("; {} cells are numbers, and {} holds `{found}`", numbers.len(), table.place(row))
        }
        _ => String::new(),
    }
}

/// The classes of a column, which are two or more and come again.
fn classes(tables: &[Table], label: &str) -> Result<Vec<String>> {
    let names = names(tables, label, None)?;
    let (file, rows) = (&tables[0].file, tables.iter().map(|table| table.rows.len()).sum::<usize>());
    ensure!(
        names.len() > 1,
        "{file}: the column {label} holds one class alone, {}, in all {rows} rows: expected two or more",
        names.join(", ")
    );
    ensure!(
        names.len() <= MANY || 2 * names.len() <= rows,
        "{file}: the column {label} holds {} classes in {rows} rows, too many to learn: is it the right column? numbers \
         are learned with --kind number{}",
        names.len(),
        odd_among_numbers(tables, label)
    );
    Ok(names)
}

/// The labels of a column, numbers by size and others by letters, or in the order that the file lists; split at `between`.
fn names(tables: &[Table], label: &str, between: Option<&str>) -> Result<Vec<String>> {
    let mut names = BTreeSet::new();
    for table in tables {
        let column = table.column(label).map_err(|why| anyhow!(why))?;
        if let Some(listed) = &table.listed[column] {
            return Ok(listed.clone());
        }
        for row in &table.rows {
            let found = match (&row.cells[column], between) {
                (Value::Array(cells), Some(_)) => cells.iter().map(name).collect(),
                (cell, Some(between)) => {
                    name(cell).split(between).map(|name| name.trim().to_owned()).collect()
                }
                (cell, None) => vec![name(cell)],
            };
            ensure!(
                between.is_some() || !found[0].is_empty(),
                "{}: no label in the column {label}: fill it in, or leave the row out",
                table.place(row)
            );
            names.extend(found.into_iter().filter(|name| !name.is_empty()));
        }
    }
    Ok(sorted(names))
}

/// Numbers by size, others by letters.
pub(crate) fn sorted(names: BTreeSet<String>) -> Vec<String> {
    let mut names: Vec<String> = names.into_iter().collect();
    if names.iter().all(|name| name.parse::<i64>().is_ok()) {
        names.sort_by_key(|name| name.parse::<i64>().unwrap_or_default());
    }
    names
}

/// The name of a class; of a whole number without its fraction.
fn name(cell: &Value) -> String {
    match cell {
        Value::Number(number) => number
            .as_f64()
            .filter(|number| number.fract() == 0. && number.abs() < 1e9)
            .map_or_else(|| number.to_string(), |whole| format!("{}", whole as i64)),
        other => shown(other).trim().to_owned(),
    }
}

#[cfg(test)]
mod tests;
