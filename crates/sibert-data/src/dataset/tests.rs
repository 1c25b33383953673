#![allow(clippy::unwrap_used)]
use sibert_hub::Settings;
use sibert_hub_emulator::{COMMIT, Server};
use tempfile::TempDir;

use super::*;
use crate::fixture::task;

fn folder(files: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
    }
    folder
}

/// The hub must not be asked.
fn no_hub() -> Result<sibert_hub::Hub> {
    panic!("the hub is not to be asked")
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn of_hub(server: &Server, home: &TempDir, dataset: &str) -> Result<DataSource> {
    DataSource::of_hub(
        Hub::new(Settings::of(&server.url(), home.path()).unwrap(), |_| {}).unwrap(),
        dataset,
        task("mrpc"),
    )
}

#[test]
fn a_folder_gives_the_first_file_that_is_there() {
    let folder = folder(&["MRPC/train.tsv", "dev.tsv"]);
    let source = DataSource::of(Some(folder.path()), None, task("mrpc"), no_hub).unwrap();
    assert_eq!(source.to_string(), folder.path().display().to_string());
    let find = |candidates: &[&str]| source.find(&strings(candidates)).unwrap();
    assert_eq!(find(&["mrpc/train.tsv", "MRPC/train.tsv", "dev.tsv"]), folder.path().join("MRPC/train.tsv"));
    assert_eq!(find(&["none/dev.tsv", "*.tsv"]), folder.path().join("dev.tsv"));
}

#[test]
fn what_is_missing_in_a_folder_is_said_with_what_is_there_and_the_remedy() {
    let folder = folder(&["CoLA/train.tsv", "MRPC/other.tsv", "notes.txt"]);
    let source = DataSource::of(Some(folder.path()), None, task("rte"), no_hub).unwrap();
    let error = source.find(&strings(&["MRPC/train.tsv", "train.tsv"])).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "{source}: expected one of MRPC/train.tsv, train.tsv; found CoLA/, MRPC/, notes.txt, MRPC/other.tsv; get \
             https://dl.fbaipublicfiles.com/glue/data/RTE.zip, or leave out --data-dir to take nyu-mll/glue from the hub"
        )
    );
}

#[test]
fn several_files_are_not_one() {
    let folder = folder(&["a.tsv", "b.tsv"]);
    let source = DataSource::of(Some(folder.path()), None, task("rte"), no_hub).unwrap();
    assert_eq!(source.find_all(&strings(&["*.tsv"])).unwrap().len(), 2);
    assert!(
        source.find(&strings(&["*.tsv"])).unwrap_err().to_string().contains("expected one file, found 2")
    );
}

#[test]
fn places_that_cannot_be_one_are_refused() {
    let folder = folder(&["a.tsv"]);
    let of = |data_dir: Option<&Path>, dataset: Option<&str>| {
        format!("{:#}", DataSource::of(data_dir, dataset, task("rte"), no_hub).unwrap_err())
    };
    assert!(of(Some(folder.path()), Some("o/n")).contains("leave out the other"));
    assert!(of(Some(&folder.path().join("a.tsv")), None).contains("expected a folder, found a file"));
    assert!(of(Some(&folder.path().join("none")), None).contains("cannot read the folder of the data"));
    let there = folder.path().to_str().unwrap();
    assert!(of(None, Some(there)).contains("found on this machine: name a folder with --data-dir"));
    assert!(of(None, Some("o/n/train.tsv")).contains("found a path behind it"));
    assert!(of(None, Some("hf://o/n")).contains("found a model"));
    assert!(of(None, Some("o/..")).contains("cannot be the name of a repository"));
}

#[test]
fn the_name_of_a_folder_may_say_a_task() {
    let folder = folder(&["SST-2/a", "stuff/a"]);
    let named = |name: &str| {
        DataSource::of(Some(&folder.path().join(name)), None, task("rte"), no_hub).unwrap().named_task()
    };
    assert_eq!((named("SST-2"), named("stuff")), (Some(task("sst2")), None));
}

#[test]
fn a_data_set_of_the_hub_is_pinned_and_fetched() {
    let (server, home) =
        (Server::start(&[("datasets/o/n/a/train.tsv", b"x"), ("datasets/o/n/README.md", b"r")]), folder(&[]));
    for dataset in ["o/n", "o/n@v1", "hf://datasets/o/n"] {
        let source = of_hub(&server, &home, dataset).unwrap();
        assert_eq!(source.to_string(), format!("o/n@{COMMIT}"));
        let path = source.find(&strings(&["train.tsv", "a/train.tsv"])).unwrap();
        assert_eq!(fs::read(path).unwrap(), b"x");
        let error = source.find(&strings(&["b/train.tsv"])).unwrap_err().to_string();
        let expected = format!(
            "o/n@{COMMIT}: expected one of b/train.tsv; found README.md, a/train.tsv; take --dataset nyu-mll/glue, or get"
        );
        assert!(error.starts_with(&expected), "{error}");
    }
    let unknown = of_hub(&server, &home, "o/m").unwrap_err();
    assert!(format!("{unknown:#}").starts_with("--dataset o/m: "), "{unknown:#}");
}
