//! Tasks of one's own tables: from the options of `finetune` to a task and its files.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use sibert_data::dataset::DataSource;
use sibert_data::own::Own;
use sibert_data::source::{self, Origin};
use sibert_data::task::{Split, Task, TaskFile};

use crate::args::{OwnArgs, TaskDataArgs};
use crate::console::note;
use crate::hub;

/// The task that the options describe, and where its data is; none if they name no table.
///
/// # Errors
/// If a file is missing, or the training table has no labels that can be learned.
pub fn task(args: &OwnArgs) -> Result<Option<(Task, DataSource)>> {
    let Some(train) = &args.train else { return Ok(None) };
    ensure!(
        args.validation.is_some() || args.test_split.is_some(),
        "{train}: nothing to evaluate on: name a table with --validation, or hold out a tenth with --test-split 0.1"
    );
    let own = Own {
        name: args.name.clone().unwrap_or_else(|| name_of(train)),
        train: train.clone(),
        validation: args.validation.clone(),
        held_out: args.test_split,
        texts: args.texts.clone(),
        labels: args.labels.clone(),
        kind: args.kind,
        between: args.separator.clone(),
        metrics: args.metrics.clone(),
    };
    let files: Vec<(String, Vec<PathBuf>)> =
        [Some(train), args.validation.as_ref()].into_iter().flatten().map(located).collect::<Result<_>>()?;
    let task = own.task(&files[0].1)?;
    Ok(Some((task, DataSource::of_files(files, task))))
}

/// The name of the task of a table: that of its file, or `own` if this says nothing.
fn name_of(table: &str) -> String {
    let stem = Path::new(table).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' };
    let name: String = stem.chars().map(plain).collect();
    match name.as_str() {
        "" | "train" | "training" => "own".into(),
        _ if name == "glue" || name.parse::<Task>().is_ok() => format!("own_{name}"),
        _ => name,
    }
}

/// The files on this machine that a name means: itself, or what it is on the hub.
fn located(name: &String) -> Result<(String, Vec<PathBuf>)> {
    if !name.starts_with("hf://") {
        ensure!(Path::new(name).is_file(), "{}: no such file", source::shown(name));
        return Ok((name.clone(), vec![name.into()]));
    }
    let found = source::resolve(std::slice::from_ref(name), &hub::open, &note)?;
    let path = |origin: Origin| match origin {
        Origin::File(path) => Some(path),
        Origin::BuiltIn { .. } => None,
    };
    let files = found.into_iter().flat_map(|source| source.files);
    Ok((name.clone(), files.filter_map(|file| path(file.origin)).collect()))
}

/// Where the data of a task is: where the options say, else where the task does. Files of a task of one's own may be where
/// they were when the model was trained.
///
/// # Errors
/// As [`DataSource::of`].
pub fn source(task: Task, data: &TaskDataArgs) -> Result<DataSource> {
    let is_told = data.data_dir.is_some() || data.dataset.is_some();
    if !is_told && !task.is_built_in() && task.folder().is_none() && task.on_hub().is_none() {
        let names =
            [Split::Train, Split::Validation].into_iter().flat_map(|split| task.file().files.of(split));
        let is_there = |name: &&String| name.starts_with("hf://") || Path::new(name).is_file();
        let files: Vec<_> = names.filter(is_there).map(located).collect::<Result<_>>()?;
        if !files.is_empty() {
            return Ok(DataSource::of_files(files, task));
        }
    }
    DataSource::of(data.data_dir.as_deref(), data.dataset.as_deref(), task, hub::open)
}

/// The task with another table to evaluate on, and that table.
///
/// # Errors
/// If there is no such file.
pub fn with_validation(task: Task, file: &str) -> Result<(Task, DataSource)> {
    ensure!(
        !task.is_built_in(),
        "--validation {file}: {task} has its own files: name their folder with --data-dir"
    );
    let mut changed: TaskFile = task.file().clone();
    changed.files.validation = sibert_data::task::Names(vec![file.to_owned()]);
    changed.files.held_out = None;
    let task = Task::own(changed, None).map_err(anyhow::Error::msg)?;
    Ok((task, DataSource::of_files(vec![located(&file.to_owned())?], task)))
}

#[cfg(test)]
mod tests {
    use super::name_of;

    #[test]
    fn a_task_has_the_name_of_its_table() {
        let tables = ["data/Shop reviews.csv", "train.csv", "mrpc.tsv", "hf://datasets/org/topics", ""];
        assert_eq!(tables.map(name_of), ["shop_reviews", "own", "own_mrpc", "topics", "own"]);
    }
}
