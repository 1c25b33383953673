//! Official files: UTF-8, one row a line, tab separated, nothing quoted, `\n` or `\r\n`, a byte order mark or none.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};

use super::columns::Columns;
use super::label::{Labels, Value};
use super::mrpc::Part;
use super::{Example, Found, Split};
use crate::dataset::official;
use crate::source::shown;
use crate::task::Task;

/// The examples in the file at `path`, or in a part of it.
pub(super) fn read(task: Task, split: Split, path: &Path, part: Option<&Part>) -> Result<Found> {
    let name = shown(path.display());
    let bytes = fs::read(path).with_context(|| format!("cannot read {name}"))?;
    let lines = lines(&name, &bytes)?;
    let first =
        lines.first().with_context(|| format!("{name}: the file is empty: was it copied completely?"))?;
    let layout = Layout::of(task, split, first, part).map_err(|why| anyhow!("{name}:1: {why}"))?;
    layout.rows(&name, &lines)
}

/// How the rows of a file are to be read.
struct Layout<'a> {
    task: Task,
    split: Split,
    columns: Columns,
    /// Columns in a row.
    count: usize,
    has_header: bool,
    labels: Labels,
    /// What to take of it, and where the ids of a row are.
    part: Option<(&'a Part, [usize; 2])>,
}

impl<'a> Layout<'a> {
    /// The layout that the first line tells.
    fn of(task: Task, split: Split, first: &str, part: Option<&'a Part>) -> Result<Self, String> {
        let names: Vec<&str> = first.split('\t').collect();
        let found = Columns::find(task, split, &names);
        let is_cola = task == Task::Cola && !split.is_test();
        let (columns, count, has_header) = match found {
            Ok(columns) => (columns, names.len(), true),
            Err(_) if is_cola => (Columns::COLA, Columns::COLA_COUNT, false),
            Err(why) => return Err(format!("{why}: {}", remedy(task))),
        };
        let part = part.map(|part| Ok::<_, String>((part, Part::columns(&names)?))).transpose()?;
        Ok(Self { task, split, columns, count, has_header, labels: Labels::new(task, split), part })
    }

    fn rows(&self, name: &str, lines: &[&str]) -> Result<Found> {
        let mut found = Found::default();
        let mut broken: Vec<usize> = Vec::new();
        for (number, line) in (1..).zip(lines).skip(usize::from(self.has_header)) {
            let cells: Vec<&str> = line.split('\t').collect();
            if self.is_broken(&cells) {
                broken.push(number);
                continue;
            }
            self.check_count(&cells).map_err(|why| anyhow!("{name}:{number}: {why}"))?;
            if self.part.is_none_or(|(part, [one, other])| part.has([cells[one], cells[other]])) {
                found.examples.push(self.example(&cells).map_err(|why| anyhow!("{name}:{number}: {why}"))?);
            }
        }
        if let Some(first) = broken.first() {
            found
                .notes
                .push(format!("{name}: skipped {} broken row(s), the first in line {first}", broken.len()));
        }
        Ok(found)
    }

    /// Whether a row is one of those that tore when QQP was made; of a test set no row may be missing.
    fn is_broken(&self, cells: &[&str]) -> bool {
        let has_label = self.columns.label.and_then(|label| cells.get(label)).is_some_and(|l| !l.is_empty());
        self.task == Task::Qqp && !self.split.is_test() && (cells.len() != self.count || !has_label)
    }

    fn check_count(&self, cells: &[&str]) -> Result<(), String> {
        if cells.len() == self.count {
            return Ok(());
        }
        let (found, expected) = (cells.len(), self.count);
        Err(format!("{found} column(s), expected {expected} (tab separated): {}", remedy(self.task)))
    }

    fn example(&self, cells: &[&str]) -> Result<Example, String> {
        let Columns { text, pair, label } = self.columns;
        let value = label.map_or(Value::Missing, |label| Value::Text(cells[label]));
        Ok(Example {
            text: cells[text].to_owned(),
            pair: pair.map(|pair| cells[pair].to_owned()),
            target: self.labels.target(&value)?,
        })
    }
}

fn remedy(task: Task) -> String {
    format!(
        "is it another task's, or rewritten by a program that quotes? The official data is {}",
        official(task)
    )
}

/// The lines of a file, without their ends and the empty ones at its end.
fn lines<'a>(name: &str, bytes: &'a [u8]) -> Result<Vec<&'a str>> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match std::str::from_utf8(line) {
            Ok(line) => lines.push(line),
            Err(error) => {
                let at = error.valid_up_to();
                let encoding = if number == 1 && at == 0 && line[0] >= 0xfe { "UTF-16" } else { "LATIN1" };
                bail!(
                    "{name}:{number}: not UTF-8 (found 0x{:02x} at byte {at} of the line): get the file again, or \
                     convert it, for instance: iconv -f {encoding} -t UTF-8",
                    line[at]
                );
            }
        }
    }
    while lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    Ok(lines)
}
