//! One writer a folder.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::durable;

/// Time between two looks whether a folder is free.
const PAUSE: Duration = Duration::from_millis(50);

/// Holds `OUT/.lock` until dropped; the system releases it when the process dies.
///
/// While it is held the file names the process; then it is empty.
#[derive(Debug)]
pub struct FolderLock {
    file: File,
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // Best effort: the next writer overwrites a name that stayed.
        let _ = self.file.set_len(0);
    }
}

impl FolderLock {
    /// Locks a folder, creating it where needed.
    ///
    /// # Errors
    /// If another process holds it: names that process. If the folder cannot be written: names it.
    pub fn acquire(folder: &Path) -> Result<Self> {
        Self::acquire_within(folder, Duration::ZERO)
    }

    /// As `acquire`, but waits up to `patience` for another process: one that was told to end saves first.
    ///
    /// # Errors
    /// As `acquire`.
    pub fn acquire_within(folder: &Path, patience: Duration) -> Result<Self> {
        let end = Instant::now() + patience;
        fs::create_dir_all(folder).with_context(|| {
            format!("cannot create the folder {}: choose another --out", folder.display())
        })?;
        let path = folder.join(".lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = durable::unlinked(&mut options, &path)
            .with_context(|| format!("cannot write {}: choose another --out", path.display()))?;
        let mut locked = file.try_lock();
        while matches!(locked, Err(TryLockError::WouldBlock)) && Instant::now() < end {
            sleep(PAUSE);
            locked = file.try_lock();
        }
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "{} is in use by process {}: wait for it, stop it, or choose another --out",
                folder.display(),
                holder(&mut file)
            ),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { file })
    }

    /// The process that a folder's lock names, without touching the lock; one that was killed may be named still.
    pub fn holder(folder: &Path) -> Option<u32> {
        fs::read_to_string(folder.join(".lock")).ok()?.trim().parse().ok()
    }
}

fn holder(file: &mut File) -> String {
    let mut pid = String::new();
    match file.read_to_string(&mut pid) {
        Ok(_) if !pid.trim().is_empty() => pid.trim().to_owned(),
        _ => "(unknown)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_second_writer_is_told_the_process_of_the_first() {
        let run = tempfile::tempdir().unwrap();
        let first = FolderLock::acquire(run.path()).unwrap();
        let error = FolderLock::acquire(run.path()).unwrap_err().to_string();
        assert!(error.contains(&format!("in use by process {}:", std::process::id())), "{error}");
        assert_eq!(FolderLock::holder(run.path()), Some(std::process::id()));
        drop(first);
        assert_eq!(FolderLock::holder(run.path()), None);
        FolderLock::acquire(run.path()).unwrap();
    }

    #[test]
    fn unwritable_folder_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file.txt"), "").unwrap();
        let error = FolderLock::acquire(&dir.path().join("file.txt/run")).unwrap_err().to_string();
        assert!(error.contains("file.txt/run: choose another --out"), "{error}");
    }

    #[test]
    fn a_writer_that_ends_is_waited_for() {
        let run = tempfile::tempdir().unwrap();
        let first = FolderLock::acquire(run.path()).unwrap();
        let waiting = std::thread::scope(|scope| {
            let second = scope.spawn(|| FolderLock::acquire_within(run.path(), Duration::from_secs(600)));
            drop(first);
            second.join().unwrap()
        });
        waiting.unwrap();
    }
}
