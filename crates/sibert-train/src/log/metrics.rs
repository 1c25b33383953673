//! `metrics.jsonl`: one JSON object a line, append only.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sibert_files::durable;

use crate::console::note;
use crate::tensorboard::Events;

/// More copies of a damaged file than anybody looks at.
const COPIES: usize = 100;

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
    /// The part of the file that stays before the first line is added.
    kept: Kept,
    file: Option<File>,
    /// The same numbers for TensorBoard, if wanted.
    events: Option<Events>,
}

/// The part of its metrics that a run keeps when it goes on.
#[derive(Debug, Default, PartialEq)]
struct Kept {
    /// Its readable lines up to the checkpoint.
    lines: Vec<u8>,
    /// Numbers of the lines that are not readable, from 1; a torn last one is none of them.
    damaged: Vec<usize>,
}

impl MetricsLog {
    /// Starts a new file; an old one is emptied at the first line.
    pub fn create(path: &Path) -> Self {
        Self { path: path.to_owned(), kept: Kept::default(), file: None, events: None }
    }

    /// Continues after the checkpoint of `step`: later lines and a torn last one are dropped at the first line added.
    ///
    /// A damaged line is named and left out, and then a copy of the file is kept. Until the first line is added the
    /// file stays untouched, so that a resume that goes nowhere leaves no trace.
    ///
    /// # Errors
    /// If the file is there but cannot be read.
    pub fn resume(path: &Path, step: usize) -> Result<Self> {
        let contents = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            contents => contents.with_context(|| format!("cannot read {}", path.display()))?,
        };
        Ok(Self { path: path.to_owned(), kept: Kept::of(&contents, step), file: None, events: None })
    }

    /// Writes every line to TensorBoard's events too.
    pub fn with_events(self, events: Option<Events>) -> Self {
        Self { events, ..self }
    }

    /// Adds one line and hands it to the system at once.
    ///
    /// # Errors
    /// Names the file.
    pub fn write(&mut self, line: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string(line)? + "\n";
        let mut file = self.file()?;
        file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", self.path.display()))?;
        if let Some(events) = &mut self.events {
            events.line(&text);
        }
        Ok(())
    }

    /// Adds the curves in PNG to TensorBoard's events, if there are some, at the end of a run.
    pub fn curves(&mut self, step: usize, png: impl FnOnce() -> Option<Vec<u8>>) {
        if let Some(events) = &mut self.events
            && let Some(png) = png()
        {
            events.begin(&self.kept.lines); // of a run that was killed before its picture
            events.picture("curves", step, png);
            events.sync();
        }
    }

    /// Flushes the lines to the disk.
    ///
    /// # Errors
    /// Names the file.
    pub fn sync(&mut self) -> Result<()> {
        if let Some(events) = &mut self.events {
            events.sync();
        }
        match &self.file {
            Some(file) => file.sync_data().with_context(|| format!("cannot flush {}", self.path.display())),
            None => Ok(()),
        }
    }

    fn file(&mut self) -> Result<&File> {
        let file = match self.file.take() {
            Some(file) => file,
            None => self.begin()?,
        };
        Ok(self.file.insert(file))
    }

    /// Opens the file with what is kept of it.
    fn begin(&mut self) -> Result<File> {
        let Kept { lines, damaged } = std::mem::take(&mut self.kept);
        if !damaged.is_empty() {
            let copy = self.copy()?;
            let numbers: Vec<String> = damaged.iter().map(usize::to_string).collect();
            let (numbers, shown) = (numbers.join(", "), self.path.display());
            note(format!(
                "{shown}: damaged and left out: line {numbers}; {} has the file as it was",
                copy.display()
            ));
            durable::replace_bytes(&self.path, &lines)?;
        }
        if let Some(events) = &mut self.events {
            events.begin(&lines);
        }
        let opened = durable::append(&self.path).and_then(|file| {
            file.set_len(lines.len() as u64)?;
            Ok(file)
        });
        opened.with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// Copies the file to `metrics.jsonl.damaged`, or to the first such name that is free.
    fn copy(&self) -> Result<PathBuf> {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let named = |suffix: String| self.path.with_file_name(format!("{name}.damaged{suffix}"));
        let names = std::iter::once(String::new()).chain((2..COPIES).map(|number| format!("-{number}")));
        let free = names.map(named).find(|path| path.symlink_metadata().is_err());
        let copy = free.with_context(|| format!("{}: too many damaged copies", self.path.display()))?;
        let contents =
            fs::read(&self.path).with_context(|| format!("cannot read {}", self.path.display()))?;
        durable::replace_bytes(&copy, &contents)?;
        Ok(copy)
    }
}

impl Kept {
    /// The part that is kept after the checkpoint of `step`.
    fn of(contents: &[u8], step: usize) -> Self {
        #[derive(Deserialize)]
        struct Line {
            step: usize,
        }
        let mut kept = Self::default();
        for (number, line) in (1..).zip(contents.split_inclusive(|&byte| byte == b'\n')) {
            match serde_json::from_slice::<Line>(line) {
                _ if !line.ends_with(b"\n") => {}
                Ok(found) if found.step <= step => kept.lines.extend(line),
                Ok(_) => {}
                Err(_) => kept.damaged.push(number),
            }
        }
        kept
    }
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
    fn a_damaged_line_is_named_and_kept_and_those_behind_it_stay() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        for (damaged, copy) in
            [("{\"step\":2,\"ev\n", "metrics.jsonl.damaged"), ("\u{1}\n", "metrics.jsonl.damaged-2")]
        {
            let before = [&line(1), damaged, &line(3), &line(4)].concat();
            assert_eq!(Kept::of(before.as_bytes(), 3).damaged, [2]);
            fs::write(&path, &before).unwrap();
            MetricsLog::resume(&path, 3).unwrap().write(&evaluation(9)).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), [line(1), line(3), line(9)].concat());
            assert_eq!(fs::read_to_string(dir.path().join(copy)).unwrap(), before);
        }
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
