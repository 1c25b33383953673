//! `sweep.json`: what a sweep consists of, written before its first run starts.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use sibert_files::sealed;

use super::axis::Axis;
use super::grid::Grid;
use super::text::Text;
use crate::console::note_once;
use crate::occupied;
use crate::run::SETTINGS;

/// The file's name in the folder of a sweep.
const RECORD: &str = "sweep.json";

/// The contents of `sweep.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The config file.
    pub config: PathBuf,
    /// The axes, slowest first.
    pub axes: Vec<Axis>,
    /// The text in `data`; none if every run prepares its own, or takes shards that were there.
    pub text: Option<Text>,
    /// Folders of the runs, in the order of the combinations.
    pub runs: Vec<String>,
}

impl Record {
    /// The record of a grid.
    pub fn new(config: &Path, grid: &Grid, text: Option<Text>) -> Self {
        let runs = grid.runs.iter().map(|run| run.name.clone()).collect();
        Self { config: config.to_owned(), axes: grid.axes.clone(), text, runs }
    }

    /// The record in a folder; none if the folder is new or empty.
    ///
    /// # Errors
    /// If the folder is that of a run, or the file cannot be understood.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(RECORD);
        if !path.exists() {
            let shown = folder.display();
            ensure!(!folder.join(SETTINGS).exists(), "{shown} holds a run, no sweep: choose another --out");
            let held = occupied::by(folder)?.map_or("", |kind| kind.words());
            ensure!(held.is_empty(), "{shown} holds {held}, no sweep: choose another --out");
            return Ok(None);
        }
        let read = sealed::read(&path, "delete it, and the same command writes it again", note_once);
        Ok(Some(read.with_context(|| format!("{} is not the record of a sweep", path.display()))?))
    }

    /// Writes the file whole or not at all.
    ///
    /// # Errors
    /// If the folder is not writable.
    pub fn write(&self, folder: &Path) -> Result<()> {
        sealed::write(&folder.join(RECORD), self)
    }
}

/// The folders of the runs of a sweep that have something to draw, in the order of its combinations; none if the folder
/// holds no sweep.
///
/// # Errors
/// If its `sweep.json` cannot be understood.
pub fn runs_of(folder: &Path) -> Result<Option<Vec<PathBuf>>> {
    if !folder.join(RECORD).exists() {
        return Ok(None);
    }
    let record = Record::read(folder)?;
    let runs = record.into_iter().flat_map(|record| record.runs).map(|name| folder.join(name));
    Ok(Some(runs.filter(|run| run.join("metrics.jsonl").exists()).collect()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use super::*;

    #[test]
    fn runs_are_those_with_metrics_in_the_order_of_the_record() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(runs_of(dir.path()).unwrap(), None);
        let runs = ["b", "new", "a"].map(str::to_owned);
        let record =
            Record { config: "x.toml".into(), axes: vec![Axis::seeds(0, 3)], text: None, runs: runs.into() };
        record.write(dir.path()).unwrap();
        assert_eq!(Record::read(dir.path()).unwrap(), Some(record));
        for run in ["a", "b"] {
            fs::create_dir(dir.path().join(run)).unwrap();
            fs::write(dir.path().join(run).join("metrics.jsonl"), "").unwrap();
        }
        assert_eq!(runs_of(dir.path()).unwrap().unwrap(), ["b", "a"].map(|run| dir.path().join(run)));
    }

    #[test]
    fn a_damaged_record_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(RECORD), "{").unwrap();
        let error = runs_of(dir.path()).unwrap_err().to_string();
        assert!(error.ends_with("sweep.json is not the record of a sweep"), "{error}");
    }
}
