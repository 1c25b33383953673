//! The files to read: hashed before, and the same until they have been read.

use std::fs;
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use rayon::prelude::*;

use crate::data::shards::{InputEntry, SourceEntry};
use crate::data::source::{InputFile, Origin, Source};

/// The files of each source.
#[derive(Debug)]
pub struct Inputs(Vec<Vec<Input>>);

/// A file, and what it was when its digest was taken.
#[derive(Debug)]
pub struct Input {
    /// The file.
    pub file: InputFile,
    sha256: String,
    stamp: Option<Stamp>,
}

/// What changes when a file is written.
#[derive(Debug, PartialEq)]
struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
}

impl Inputs {
    /// Takes the digests of all files, in parallel.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn hash(sources: &[Source]) -> Result<Self> {
        let files = |source: &Source| source.files.par_iter().map(Input::new).collect();
        sources.par_iter().map(files).collect::<Result<_>>().map(Self)
    }

    /// A file of a source; none behind the last.
    pub fn get(&self, source: usize, file: usize) -> Option<&Input> {
        self.0.get(source)?.get(file)
    }

    /// Whether a file is the last of its source.
    pub fn is_last(&self, source: usize, file: usize) -> bool {
        self.get(source, file + 1).is_none()
    }

    /// The files of the sources before `source`, and of this one before `file`.
    pub fn before(&self, source: usize, file: usize) -> usize {
        self.0.iter().take(source).map(Vec::len).sum::<usize>() + file
    }

    /// The manifest's lines on the sources, without weights.
    pub fn entries(&self, sources: &[Source]) -> Vec<SourceEntry> {
        let entry =
            |input: &Input| InputEntry { name: input.file.name.clone(), sha256: input.sha256.clone() };
        let files = self.0.iter().map(|inputs| inputs.iter().map(entry).collect());
        let names = sources.iter().map(|source| source.name.clone());
        names.zip(files).map(|(name, files)| SourceEntry { name, weight: None, files }).collect()
    }
}

impl Input {
    fn new(file: &InputFile) -> Result<Self> {
        let stamp = stamp(file)?;
        Ok(Self { sha256: file.sha256()?, file: file.clone(), stamp })
    }

    /// Checks that the file is still the one whose digest was taken.
    ///
    /// # Errors
    /// If its size or modification time is another: names it.
    pub fn ensure_unchanged(&self) -> Result<()> {
        ensure!(
            stamp(&self.file)? == self.stamp,
            "{} changed while it was read: run the command again when nobody writes to it",
            self.file.name
        );
        Ok(())
    }
}

fn stamp(file: &InputFile) -> Result<Option<Stamp>> {
    let Origin::File(path) = &file.origin else { return Ok(None) };
    let metadata = fs::metadata(path).with_context(|| format!("cannot read {}", file.name))?;
    Ok(Some(Stamp { size: metadata.len(), modified: metadata.modified().ok() }))
}
