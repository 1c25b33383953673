//! Mapped files whose pages are given back now and then.
//!
//! A page that was read counts as the process's memory until somebody takes it away. Over an epoch that would be every
//! page of every shard; so after a bounded number of bytes all of them are given back. The system keeps them in its
//! cache as long as it has room: reading on costs a page fault, not a disk access.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use memmap2::Mmap;

use super::fault;

/// Bytes that a read at a new place may make resident: Linux maps the whole run of cached pages around it, 2 MiB at most.
const AT_LEAST: usize = 2 << 20;

/// Maps a file.
///
/// # Errors
/// If it cannot be opened or mapped.
pub fn map(path: &Path) -> io::Result<Mmap> {
    let file = File::open(path)?;
    // SAFETY: a mapped file must not change. Shards are written once, under another name, and never again; who
    // truncates one under a running program ends it.
    let map = unsafe { Mmap::map(&file) }?;
    fault::name(&map, path);
    Ok(map)
}

/// Bytes read of some mapped files since their pages were last given back; clones count together.
#[derive(Clone, Debug)]
pub struct Resident {
    bytes: Arc<AtomicUsize>,
    /// Absent where all may become resident.
    most: Option<usize>,
}

impl Resident {
    /// Lets about `most` of `mapped` bytes become resident.
    pub fn new(mapped: usize, most: usize) -> Self {
        Self { bytes: Arc::default(), most: (mapped > most).then_some(most) }
    }

    /// Takes note of a read of so many bytes; true if the pages are to be given back now.
    pub fn is_full_after(&self, bytes: usize) -> bool {
        let Some(most) = self.most else { return false };
        let bytes = bytes.max(AT_LEAST);
        let full = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes > most;
        if full {
            self.bytes.store(0, Ordering::Relaxed);
        }
        full
    }
}

/// Gives the pages of a mapped file back to the system.
pub fn give_back(map: &Mmap) {
    #[cfg(unix)]
    // SAFETY: the pages of a read-only map of a file that does not change are read again from it when they are next
    // touched, also by who holds a slice of them.
    let _ = unsafe { map.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) }; // advice: nothing depends on it
    #[cfg(not(unix))]
    let _ = map;
}
