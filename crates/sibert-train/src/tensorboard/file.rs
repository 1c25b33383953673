//! The event file in a run's folder: one at a time has events.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use sibert_files::durable;

use super::event::Event;
use super::record;

/// TensorBoard looks for this in a file's name, and reads a folder's files in the order of their names.
const PREFIX: &str = "events.out.tfevents.";
/// Others' event files in the folder are left alone.
const SUFFIX: &str = ".sibert";
/// The name of a file that is not complete must not look like an event file's.
const UNFINISHED: &str = ".tensorboard.tmp";

/// An open event file.
pub struct EventFile {
    path: PathBuf,
    file: File,
}

/// Seconds since 1970.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0., |since| since.as_secs_f64())
}

impl EventFile {
    /// Writes a file of what `fill` puts in at the present time, in the place of the run's earlier ones.
    ///
    /// Its name is later than theirs: a TensorBoard that has read them goes on to it. For that the last of them must be
    /// there still, so it is emptied, and the others are deleted. Killed at any moment, the old file has the events, none
    /// or the new one.
    ///
    /// # Errors
    /// Names the file that cannot be written.
    pub fn create(folder: &Path, fill: impl FnOnce(&mut dyn Write, f64) -> Result<()>) -> Result<Self> {
        let (unfinished, now) = (folder.join(UNFINISHED), now());
        let _ = fs::remove_file(&unfinished); // of a killed run, or a link
        let written = durable::append(&unfinished).map_err(anyhow::Error::from).and_then(|file| {
            let mut out = BufWriter::new(file);
            fill(&mut out, now)?;
            Ok(out.into_inner().map_err(|error| error.into_error())?)
        });
        let file = written.with_context(|| format!("cannot write {}", unfinished.display()))?;
        let mut old = event_files(folder)?;
        old.sort();
        let last = old.pop();
        let second = last.as_ref().map_or(0, |(second, _)| second + 1).max(now as u64);
        if let Some((_, path)) = last {
            let emptied = durable::append(&path).and_then(|file| file.set_len(0));
            emptied.with_context(|| format!("cannot empty {}", path.display()))?;
        }
        for (_, path) in old {
            fs::remove_file(&path).with_context(|| format!("cannot delete {}", path.display()))?;
        }
        let path = folder.join(format!("{PREFIX}{second:010}{SUFFIX}"));
        fs::rename(&unfinished, &path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { path, file })
    }

    /// Adds an event and hands it to the system at once.
    ///
    /// # Errors
    /// Names the file.
    pub fn add(&mut self, event: &Event) -> Result<()> {
        record::write(&mut self.file, event).with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// Flushes the file to the disk.
    ///
    /// # Errors
    /// Names the file.
    pub fn sync(&mut self) -> Result<()> {
        self.file.sync_data().with_context(|| format!("cannot flush {}", self.path.display()))
    }
}

/// Our event files in a folder, with the seconds in their names.
fn event_files(folder: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let cannot = || format!("cannot read {}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(cannot)? {
        let entry = entry.with_context(cannot)?;
        let name = entry.file_name();
        let second =
            name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse().ok());
        files.extend(second.map(|second: u64| (second, entry.path())));
    }
    Ok(files)
}
