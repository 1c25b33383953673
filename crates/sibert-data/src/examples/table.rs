//! Tables whose cells stand between tabs or commas, below the names of their columns.
//!
//! In official files nothing is quoted; tables of one's own may have cells in double quotes.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::columns::Columns;
use super::label::{Labels, Value};
use super::parted::Part;
use super::{Example, Found};
use crate::dataset::official;
use crate::source::shown;
use crate::table::delimited::{plain, quoted};
use crate::table::text_of;
use crate::task::{Split, Task};

/// The examples in the file at `path`, or in a part of it.
pub(super) fn read(task: Task, split: Split, path: &Path, part: Option<&Part>) -> Result<Found> {
    let name = shown(path.display());
    let bytes = fs::read(path).with_context(|| format!("cannot read {name}"))?;
    let text = text_of(&name, &bytes)?.trim_end_matches(['\n', '\r']);
    ensure!(!text.is_empty(), "{name}: the file is empty: was it copied completely?");
    let is_csv = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("csv"));
    let separator = if is_csv { ',' } else { '\t' };
    let (mut layout, mut found, mut broken) = (None, Found::default(), Vec::new());
    let row = |line: usize, cells: &[&str]| -> Result<(), String> {
        let is_first = layout.is_none();
        if is_first {
            layout = Some(Layout::of(task, split, separator, cells, part)?);
        }
        match &layout {
            Some(layout) if is_first && layout.has_header => {}
            Some(layout) if layout.is_broken(cells) => broken.push(line),
            Some(layout) => found.examples.extend(layout.example(cells)?),
            None => {}
        }
        Ok(())
    };
    if task.file().files.quoted {
        quoted(&name, text, separator, row)
    } else {
        plain(&name, text, separator, row)
    }?;
    if let Some(first) = broken.first() {
        found
            .notes
            .push(format!("{name}: skipped {} broken row(s), the first in line {first}", broken.len()));
    }
    Ok(found)
}

/// How the rows of a file are to be read.
struct Layout<'a> {
    task: Task,
    split: Split,
    separator: char,
    columns: Columns,
    /// Columns in a row.
    count: usize,
    has_header: bool,
    labels: Labels,
    /// The part to take, and where the ids of a row are.
    part: Option<(&'a Part, [usize; 2])>,
}

impl<'a> Layout<'a> {
    /// The layout that the first row tells.
    fn of(
        task: Task,
        split: Split,
        separator: char,
        names: &[&str],
        part: Option<&'a Part>,
    ) -> Result<Self, String> {
        let unnamed = task.file().columns.as_ref().and_then(|columns| columns.unnamed);
        let found = Columns::find(task, split, names);
        let (columns, count, has_header) = match (found, unnamed.filter(|_| !split.is_test())) {
            (Ok(columns), _) => (columns, names.len(), true),
            (Err(_), Some(by_place)) => {
                let columns = Columns { text: by_place.text, pair: None, labels: vec![by_place.label] };
                (columns, by_place.count, false)
            }
            (Err(why), None) => return Err(format!("{why}: {}", remedy(task, separator))),
        };
        let part = part.map(|part| Ok::<_, String>((part, part.columns(names)?))).transpose()?;
        let labels = Labels::new(task, split);
        Ok(Self { task, split, separator, columns, count, has_header, labels, part })
    }

    /// Whether a row is one of those that tore when the files were made; of a test set no row may be missing.
    fn is_broken(&self, cells: &[&str]) -> bool {
        let has_label =
            self.columns.labels.iter().any(|label| cells.get(*label).is_some_and(|cell| !cell.is_empty()));
        self.task.file().files.skip_broken
            && !self.split.is_test()
            && (cells.len() != self.count || !has_label)
    }

    /// The example in a row; none if it is not in the part.
    fn example(&self, cells: &[&str]) -> Result<Option<Example>, String> {
        if cells.len() != self.count {
            let (found, expected) = (cells.len(), self.count);
            let separated = if self.separator == ',' { "comma" } else { "tab" };
            let remedy = remedy(self.task, self.separator);
            return Err(format!("{found} column(s), expected {expected} ({separated} separated): {remedy}"));
        }
        if self.part.is_some_and(|(part, [one, other])| !part.has([cells[one], cells[other]])) {
            return Ok(None);
        }
        let Columns { text, pair, labels } = &self.columns;
        let values: Vec<Value> = labels.iter().map(|label| Value::Text(cells[*label])).collect();
        let (text, pair) = (cells[*text].to_owned(), pair.map(|pair| cells[pair].to_owned()));
        Example { text, pair, target: self.labels.of_row(&values)? }.checked(self.task).map(Some)
    }
}

fn remedy(task: Task, separator: char) -> String {
    if task.is_built_in() {
        return format!(
            "is it another task's, or rewritten by a program that quotes? The official data is {}",
            official(task)
        );
    }
    let separator = if separator == ',' { "comma" } else { "tab" };
    format!(
        "[columns] of the task names them; a cell that holds a {separator} is put in double quotes, but with quoted = false \
         in [files]"
    )
}
