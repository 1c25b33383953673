//! A training file of which the development set is a part, as MRPC's original one: the pairs of ids in a list beside it.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};

use crate::dataset::official;
use crate::source::shown;
use crate::task::{Parted, Split, Task};

/// The rows of the file that are in one of the sets.
#[derive(Debug)]
pub(super) struct Part {
    dev_ids: HashSet<(String, String)>,
    /// The names of the columns with the ids.
    columns: &'static [String; 2],
    dev: bool,
}

impl Part {
    /// The part that `split` is of the file at `path`; none if it is the whole file.
    ///
    /// # Errors
    /// If the list of the development set is not beside it, or is no such list.
    pub(super) fn of(task: Task, split: Split, path: &Path) -> Result<Option<Self>> {
        let Some(Parted { file, lists, ids }) = &task.file().files.parted else { return Ok(None) };
        if path.file_name().is_none_or(|name| name != file.as_str()) {
            return Ok(None);
        }
        let list = lists.iter().map(|name| path.with_file_name(name)).find(|list| list.is_file());
        let list = list.with_context(|| {
            format!(
                "{}: expected {} beside it, the list of the pairs of the development set: get {}",
                shown(path.display()),
                lists.join(" or "),
                official(task)
            )
        })?;
        let name = shown(list.display());
        let text = fs::read_to_string(&list).with_context(|| format!("cannot read {name}"))?;
        Ok(Some(Self { dev_ids: pairs(&name, &text)?, columns: ids, dev: split == Split::Validation }))
    }

    /// The places of both ids among the names of columns.
    pub(super) fn columns(&self, names: &[&str]) -> Result<[usize; 2], String> {
        let place = |id: &str| {
            let place = names.iter().position(|name| name.trim() == id);
            place.ok_or_else(|| {
                format!("expected the columns {}, found {}", self.columns.join(", "), names.join(", "))
            })
        };
        let [one, other] = self.columns;
        Ok([place(one)?, place(other)?])
    }

    /// Whether the pair with these ids is in the part.
    pub(super) fn has(&self, ids: [&str; 2]) -> bool {
        self.dev_ids.contains(&(ids[0].to_owned(), ids[1].to_owned())) == self.dev
    }
}

/// The pairs of ids in a list, one a line.
fn pairs(name: &str, text: &str) -> Result<HashSet<(String, String)>> {
    let pair = |(number, line): (usize, &str)| {
        let ids = line.split_once('\t').filter(|(one, other)| !one.is_empty() && !other.is_empty());
        let (one, other) =
            ids.ok_or_else(|| anyhow!("{name}:{number}: expected two ids, tab separated, found `{line}`"))?;
        Ok((one.trim().to_owned(), other.trim().to_owned()))
    };
    let lines = text.trim_start_matches('\u{feff}').lines().filter(|line| !line.trim().is_empty());
    let pairs: HashSet<_> = (1..).zip(lines).map(pair).collect::<Result<_>>()?;
    ensure!(!pairs.is_empty(), "{name}: the list of the development set is empty");
    Ok(pairs)
}
