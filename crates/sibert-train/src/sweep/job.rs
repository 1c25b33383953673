//! A run as a process of its own: `sibert pretrain --out OUT/NAME --resume`, with what it says in `log.txt`.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use sibert_files::FolderLock;
use sibert_files::durable;

use super::grid::SweptRun;
use crate::log::Summary;
use crate::run::SETTINGS;
use crate::signals::{FOLLOWS, was_interrupted};

/// Where a run's output goes.
pub const LOG: &str = "log.txt";

/// How long a run may still save itself whose sweep was killed before.
const PATIENCE: Duration = Duration::from_secs(30);

/// A run that is being trained.
pub struct Job {
    /// Its place in the grid.
    pub run: usize,
    folder: PathBuf,
    child: Child,
    /// Length of the log before.
    log_start: u64,
    asked_to_stop: bool,
}

/// How a process ended.
#[derive(Debug, PartialEq)]
pub enum Ended {
    /// The run is over.
    Over(Box<Summary>),
    /// It was stopped, and can go on.
    Stopped,
    /// Why the run cannot be trained.
    Failed(String),
}

impl Job {
    /// Starts a run, or lets it go on from its newest checkpoint.
    ///
    /// The settings are written here: with them in its folder a run that did not begin can be resumed.
    ///
    /// # Errors
    /// If another process trains it, its folder cannot be written, or no process can be started.
    pub fn start(index: usize, run: &SweptRun) -> Result<Self> {
        let folder = run.config.out.clone();
        let lock = FolderLock::acquire_within(&folder, PATIENCE)?;
        durable::replace(&folder.join(SETTINGS), &run.config.to_toml()?)?;
        let path = folder.join(LOG);
        let unwritable = || format!("cannot write {}", path.display());
        let log = durable::append(&path).with_context(unwritable)?;
        let log_start = log.metadata().with_context(unwritable)?.len();
        let mut command = Command::new(std::env::current_exe().context("cannot find the program itself")?);
        command.arg("pretrain").arg("--resume").arg("--out").arg(&folder);
        sibert_ranks::Place::hide(&mut command); // a run of its own, not one of the sweep's processes
        command.stdin(Stdio::piped()).env(FOLLOWS, "1"); // it ends with this process, however that ends
        command.stdout(log.try_clone().with_context(unwritable)?).stderr(log);
        drop(lock); // for the process that takes it
        let child = command.spawn().context("cannot start a process")?;
        Ok(Self { run: index, folder, child, log_start, asked_to_stop: false })
    }

    /// Asks the process, once, to save a checkpoint and leave.
    pub fn stop(&mut self) {
        if !self.asked_to_stop {
            self.asked_to_stop = true;
            terminate(&mut self.child);
        }
    }

    /// How the process ended, if it did.
    pub fn ended(&mut self) -> Option<Ended> {
        let status = match self.child.try_wait() {
            Ok(status) => status?,
            Err(error) => return Some(Ended::Failed(format!("cannot wait for its process: {error}"))),
        };
        Some(match Summary::read(&self.folder) {
            Ok(Some(summary)) => Ended::Over(Box::new(summary)),
            Ok(None) if self.asked_to_stop || status.success() || was_interrupted(status) => Ended::Stopped,
            Ok(None) => Ended::Failed(self.reason(status)),
            Err(error) => Ended::Failed(format!("{error:#}")),
        })
    }

    /// The last error in the log, or else how the process ended and what it said last.
    fn reason(&self, status: ExitStatus) -> String {
        let mut text = Vec::new();
        let read = File::open(self.folder.join(LOG)).and_then(|mut log| {
            log.seek(SeekFrom::Start(self.log_start))?;
            log.read_to_end(&mut text)
        });
        let log = read.map_or(String::new(), |_| String::from_utf8_lossy(&text).into_owned());
        last_error(&log).unwrap_or_else(|| match log.trim_end().lines().last() {
            Some(line) => format!("its process ended with {status}, its last words: {line}"),
            None => format!("its process ended with {status}"),
        })
    }
}

/// `error: …` and its cause on one line.
fn last_error(log: &str) -> Option<String> {
    let lines: Vec<&str> = log.lines().collect();
    let start = lines.iter().rposition(|line| line.starts_with("error: "))?;
    let causes = lines[start + 1..].iter().map_while(|line| line.strip_prefix("  caused by: "));
    let words: Vec<&str> = lines[start].strip_prefix("error: ").into_iter().chain(causes).collect();
    Some(words.join(": "))
}

#[cfg(unix)]
fn terminate(child: &mut Child) {
    if let Ok(process) = libc::pid_t::try_from(child.id()) {
        // SAFETY: the child has not been waited for, so the number is still its own.
        unsafe { libc::kill(process, libc::SIGTERM) };
    }
}

/// Other systems have no such signal: the run goes on from its last checkpoint.
#[cfg(not(unix))]
fn terminate(child: &mut Child) {
    let _ = child.kill();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_error_is_one_line_with_its_cause() {
        let log =
            "error: old\nstep 1/6  loss 3\n\nerror: training stopped\n  caused by: loss NaN: no more\nelse\n";
        assert_eq!(last_error(log).as_deref(), Some("training stopped: loss NaN: no more"));
        assert_eq!(last_error("step 1/6  loss 3\n"), None);
    }
}
