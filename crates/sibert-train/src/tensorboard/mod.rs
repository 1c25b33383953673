//! TensorBoard's event files: what `metrics.jsonl` says, for TensorBoard to show.
//!
//! ```text
//! events.out.tfevents.SECONDS.sibert
//!     version, start of a session      at which TensorBoard forgets what it has read of an earlier file
//!     args, model_config               texts
//!     a summary for each line          scalars, under the tags of transformers' Trainer
//!     curves                           a picture, at the end
//! ```
//! The file is a function of the lines of `metrics.jsonl`. A run that goes on makes it anew from the lines that it keeps,
//! in the place of the old one: no step is there twice, however the run ended.

mod event;
mod file;
mod record;
mod scalars;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::Value;

use crate::console::note;
use event::Event;
use file::EventFile;

/// The events of a run.
pub struct Events {
    folder: PathBuf,
    texts: Vec<(&'static str, String)>,
    state: State,
}

enum State {
    /// Nothing is written before the first line: a resume that goes nowhere leaves no trace.
    Waiting,
    Open(EventFile),
    /// It could not be written, and a line said so.
    GivenUp,
}

impl Events {
    /// Events in a run's folder, with settings by the tags that transformers' Trainer gives them: `args`, `model_config`.
    pub fn new(folder: &Path, settings: Vec<(&'static str, Value)>) -> Self {
        let texts = settings.into_iter().map(|(tag, value)| (tag, code(&value))).collect();
        Self { folder: folder.to_owned(), texts, state: State::Waiting }
    }

    /// Writes a new file with the lines that are kept of `metrics.jsonl`; does nothing if there is one already.
    pub fn begin(&mut self, kept: &[u8]) {
        if matches!(self.state, State::Waiting) {
            let opened = EventFile::create(&self.folder, |out, now| history(out, &self.texts, kept, now));
            self.state = opened.map_or_else(|error| given_up(&error), State::Open);
        }
    }

    /// Adds the scalars of a line of `metrics.jsonl`.
    pub fn line(&mut self, line: &str) {
        let events = serde_json::from_str(line).ok().and_then(|line: Value| summary(&line, file::now()));
        self.add(events);
    }

    /// Adds a picture in PNG.
    pub fn picture(&mut self, tag: &str, step: usize, png: Vec<u8>) {
        self.add(Event::picture(tag, step, png, file::now()));
    }

    /// Flushes the file to the disk.
    pub fn sync(&mut self) {
        self.attempt(EventFile::sync);
    }

    fn add(&mut self, event: Option<Event>) {
        if let Some(event) = event {
            self.attempt(|file| file.add(&event));
        }
    }

    fn attempt(&mut self, action: impl FnOnce(&mut EventFile) -> Result<()>) {
        if let State::Open(file) = &mut self.state
            && let Err(error) = action(file)
        {
            self.state = given_up(&error);
        }
    }
}

/// JSON as a block of code in Markdown, which is still JSON.
fn code(value: &Value) -> String {
    format!("{value:#}").lines().map(|line| format!("    {line}\n")).collect()
}

/// Training goes on: `metrics.jsonl` has everything.
fn given_up(error: &anyhow::Error) -> State {
    note(format!(
        "TensorBoard gets no more events: {error:#}; metrics.jsonl goes on, and --resume makes them anew"
    ));
    State::GivenUp
}

/// Everything up to the last line that is kept; its time is `now`, those before it are as much training earlier.
fn history(out: &mut dyn Write, texts: &[(&'static str, String)], kept: &[u8], now: f64) -> Result<()> {
    let lines =
        || kept.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let end = lines().rev().find_map(|line| elapsed(&line)).unwrap_or(0.);
    let began = now - end;
    record::write(out, &Event::version(began))?;
    record::write(out, &Event::session_start(began))?;
    for (tag, text) in texts {
        record::write(out, &Event::text(tag, text, began))?;
    }
    let mut at = 0.;
    for line in lines() {
        at = elapsed(&line).unwrap_or(at);
        if let Some(event) = summary(&line, began + at) {
            record::write(out, &event)?;
        }
    }
    Ok(())
}

/// Seconds of training up to a line; of evaluations none.
fn elapsed(line: &Value) -> Option<f64> {
    let timing = line.get("timing")?;
    timing.get("elapsed_seconds").or_else(|| timing.get("seconds"))?.as_f64()
}

/// The event of a line; none without a step or a number.
fn summary(line: &Value, wall_time: f64) -> Option<Event> {
    let step = line.get("step")?.as_u64()?;
    let scalars = scalars::of(line);
    (!scalars.is_empty()).then(|| Event::scalars(step, scalars, wall_time))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
