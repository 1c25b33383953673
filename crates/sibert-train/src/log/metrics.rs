//! `metrics.jsonl`: one JSON object a line, append only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// One line of `metrics.jsonl` about the held-out sentences.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Optimizer steps done.
    pub step: usize,
    /// Mean cross-entropy of the masked words.
    pub eval_loss: f64,
    /// Share of the masked words predicted correctly.
    pub eval_accuracy: f64,
    /// Mean cross-entropy of the pairs of sentences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eval_next_sentence_loss: Option<f64>,
    /// Share of the pairs of sentences judged correctly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eval_next_sentence_accuracy: Option<f64>,
}

/// The open `metrics.jsonl` of a run.
///
/// Write a step's lines, then [`MetricsLog::sync`], then save its checkpoint: a checkpoint never knows of lines that
/// the file has lost.
pub struct MetricsLog {
    path: PathBuf,
    /// Length to cut to before the first line is added.
    kept: u64,
    file: Option<File>,
}

impl MetricsLog {
    /// Starts a new file; an old one is emptied at the first line.
    pub fn create(path: &Path) -> Self {
        Self { path: path.to_owned(), kept: 0, file: None }
    }

    /// Continues after the checkpoint of `step`: later lines and a torn one are dropped at the first line added.
    ///
    /// Until then the file stays untouched, so that a resume that goes nowhere leaves no trace.
    ///
    /// # Errors
    /// If the file is there but cannot be read.
    pub fn resume(path: &Path, step: usize) -> Result<Self> {
        let contents = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            contents => contents.with_context(|| format!("cannot read {}", path.display()))?,
        };
        Ok(Self { path: path.to_owned(), kept: kept(&contents, step), file: None })
    }

    /// Adds one line and hands it to the system at once.
    ///
    /// # Errors
    /// Names the file.
    pub fn write(&mut self, line: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string(line)? + "\n";
        self.file()
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// Flushes the lines to the disk.
    ///
    /// # Errors
    /// Names the file.
    pub fn sync(&self) -> Result<()> {
        match &self.file {
            Some(file) => file.sync_data().with_context(|| format!("cannot flush {}", self.path.display())),
            None => Ok(()),
        }
    }

    fn file(&mut self) -> io::Result<&File> {
        let file = match self.file.take() {
            Some(file) => file,
            None => {
                let file = OpenOptions::new().append(true).create(true).open(&self.path)?;
                file.set_len(self.kept)?;
                file
            }
        };
        Ok(self.file.insert(file))
    }
}

/// Bytes up to the first line that is torn, unreadable or later than `step`.
fn kept(contents: &[u8], step: usize) -> u64 {
    #[derive(Deserialize)]
    struct Line {
        step: usize,
    }
    contents
        .split_inclusive(|&byte| byte == b'\n')
        .take_while(|line| line.ends_with(b"\n"))
        .take_while(|line| serde_json::from_slice::<Line>(line).is_ok_and(|line| line.step <= step))
        .map(|line| line.len() as u64)
        .sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn evaluation(step: usize) -> Evaluation {
        Evaluation {
            step,
            eval_loss: 0.5,
            eval_accuracy: 0.25,
            eval_next_sentence_loss: None,
            eval_next_sentence_accuracy: None,
        }
    }

    fn line(step: usize) -> String {
        format!("{{\"step\":{step},\"eval_loss\":0.5,\"eval_accuracy\":0.25}}\n")
    }

    /// Contents after resuming `before` at `step` and adding one line of step 9.
    fn resumed(before: &str, step: usize) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        fs::write(&path, before).unwrap();
        let mut log = MetricsLog::resume(&path, step).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), before, "touched before the first line");
        log.write(&evaluation(9)).unwrap();
        fs::read_to_string(&path).unwrap()
    }

    #[test]
    fn metrics_after_the_checkpoint_are_dropped_on_resume() {
        let before = [line(1), line(2), line(2), line(3), line(4)].concat();
        assert_eq!(resumed(&before, 2), [line(1), line(2), line(2), line(9)].concat());
        assert_eq!(resumed(&before, 0), line(9));
    }

    #[test]
    fn torn_last_line_is_dropped() {
        assert_eq!(resumed(&(line(1) + "{\"step\":2,\"eval_"), 5), line(1) + &line(9));
        assert_eq!(resumed(&(line(1) + line(2).trim_end()), 5), line(1) + &line(9));
    }

    #[test]
    fn every_line_is_in_the_file_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        fs::write(&path, "of an old run\n").unwrap();
        let mut log = MetricsLog::create(&path);
        for step in [1, 2] {
            log.write(&evaluation(step)).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), step);
        }
        log.sync().unwrap();
    }

    #[test]
    fn unwritable_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("none/metrics.jsonl");
        let error = MetricsLog::resume(&path, 1).unwrap().write(&evaluation(1)).unwrap_err().to_string();
        assert!(error.contains("none/metrics.jsonl"), "{error}");
    }
}
