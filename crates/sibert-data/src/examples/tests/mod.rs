//! Small files of every task, as the official ones and those of the hub are laid out.
#![allow(clippy::unwrap_used)]

mod parquet;
mod real;
mod sources;
mod tsv;

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::fixture::task;

/// The hub must not be asked.
fn no_hub() -> Result<sibert_hub::Hub> {
    panic!("the hub is not to be asked")
}

fn read(task: Task, split: Split, source: &DataSource) -> Result<Vec<Example>> {
    super::read(task, split, source, &|_| {})
}

/// A folder with these files.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

fn source(folder: &TempDir, task: Task) -> DataSource {
    DataSource::of(Some(folder.path()), None, task, no_hub).unwrap()
}

fn example(text: &str, pair: Option<&str>, target: Option<Target>) -> Example {
    Example { text: text.into(), pair: pair.map(str::to_owned), target }
}

fn class(class: u32) -> Option<Target> {
    Some(Target::Class(class))
}

/// The examples in a file of these bytes, or the message of the error, which begins after the folder.
fn read_bytes(task: Task, split: Split, name: &str, bytes: &[u8]) -> Result<Vec<Example>, String> {
    let folder = folder(&[(name, bytes)]);
    let path = folder.path().join(name);
    let there = format!("{}/", folder.path().display());
    read_file(task, split, &path, &|_| {}).map_err(|error| format!("{error:#}").replace(&there, ""))
}

#[test]
fn every_set_of_a_task_is_known_and_no_other() {
    assert_eq!(
        task("mnli").validation_splits().collect::<Vec<_>>(),
        [Split::Validation, Split::ValidationMismatched]
    );
    assert_eq!(task("mnli").test_splits().collect::<Vec<_>>(), [Split::Test, Split::TestMismatched]);
    assert!(task("ax").validation_splits().next().is_none() && task("squad").test_splits().next().is_none());
    let refused = |task, split| check_split(task, split).unwrap_err().to_string();
    assert_eq!(refused(task("ax"), Split::Train), "AX has no training set");
    assert_eq!(refused(task("rte"), Split::TestMismatched), "RTE has no mismatched test set");
    assert!(refused(task("squad"), Split::Validation).starts_with("SQuAD 1.1 has no examples of GLUE"));
    assert_eq!(serde_json::to_string(&Split::ValidationMismatched).unwrap(), "\"validation_mismatched\"");
}
