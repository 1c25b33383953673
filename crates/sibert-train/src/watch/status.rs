//! Whether a run is there, trains, has stopped or is over.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use sibert_files::FolderLock;

use crate::log::Summary;

/// A file that changed in this time is written by a process, be it one of another machine.
const FRESH: Duration = Duration::from_secs(60);

/// Where a run is.
#[derive(Clone, Debug, PartialEq)]
pub enum Status {
    /// Its folder is not there.
    Absent,
    /// It has reported nothing yet.
    Starting,
    /// A process trains it.
    Running,
    /// No process trains it, and it is not over.
    Stopped,
    /// All steps are done.
    Finished,
    /// It ended in numbers that are not finite: why.
    Diverged(String),
}

impl Status {
    /// The status of the run in `folder` whose present metrics are in `metrics`.
    pub fn of(folder: &Path, metrics: &Path) -> Self {
        if !folder.exists() {
            return Self::Absent;
        }
        let running =
            FolderLock::holder(folder).is_some_and(|process| is_alive(process) || is_fresh(metrics));
        let summary = fs::read_to_string(folder.join("summary.json"));
        let summary = summary.ok().and_then(|text| serde_json::from_str::<Summary>(&text).ok());
        match (summary, running) {
            (Some(Summary { diverged: Some(reason), .. }), _) => Self::Diverged(reason),
            (Some(_), _) => Self::Finished,
            (None, true) if metrics.exists() => Self::Running,
            (None, true) => Self::Starting,
            (None, false) if folder.join("finetune.json").exists() => Self::Finished,
            (None, false) if metrics.exists() => Self::Stopped,
            (None, false) => Self::Starting,
        }
    }

    /// For people.
    pub fn words(&self) -> String {
        match self {
            Self::Absent => "not there yet".into(),
            Self::Starting => "no report yet".into(),
            Self::Running => "running".into(),
            Self::Stopped => "stopped; continue with --resume".into(),
            Self::Finished => "finished".into(),
            Self::Diverged(reason) => format!("diverged: {reason}"),
        }
    }
}

fn is_fresh(file: &Path) -> bool {
    let modified = fs::metadata(file).and_then(|metadata| metadata.modified());
    modified.is_ok_and(|at| SystemTime::now().duration_since(at).unwrap_or_default() < FRESH)
}

#[cfg(unix)]
fn is_alive(process: u32) -> bool {
    let Some(process) = i32::try_from(process).ok().filter(|&process| process > 0) else { return false };
    // SAFETY: signal 0 is sent to nobody; the call only tells whether there is such a process.
    let found = unsafe { libc::kill(process, 0) == 0 };
    found || std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

#[cfg(not(unix))]
fn is_alive(_process: u32) -> bool {
    true
}
