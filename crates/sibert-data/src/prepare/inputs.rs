//! The files to read: hashed before, and the same until they have been read.

use std::fs;
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use rayon::prelude::*;

use crate::shards::{InputEntry, SourceEntry};
use crate::source::{InputFile, Origin, Source};

use super::Request;

/// The files of each source, those to evaluate on behind the others.
#[derive(Debug)]
pub struct Inputs {
    sources: Vec<Vec<Input>>,
    to_train_on: usize,
}

/// A file, and what it was when its digest was taken.
#[derive(Debug)]
pub struct Input {
    /// The file.
    pub file: InputFile,
    sha256: String,
    stamp: Option<Stamp>,
}

/// The state of a file that changes when it is written.
#[derive(Debug, PartialEq)]
struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
}

impl Inputs {
    /// Takes the digests of all files of a request, in parallel.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn hash(request: &Request) -> Result<Self> {
        let files = |source: &Source| source.files.par_iter().map(Input::new).collect();
        let sources =
            request.sources.par_iter().chain(&request.validation).map(files).collect::<Result<_>>()?;
        Ok(Self { sources, to_train_on: request.sources.len() })
    }

    /// How many sources there are to train on.
    pub fn to_train_on(&self) -> usize {
        self.to_train_on
    }

    /// A file of a source; none behind the last.
    pub fn get(&self, source: usize, file: usize) -> Option<&Input> {
        self.sources.get(source)?.get(file)
    }

    /// Whether a file is the last of its source.
    pub fn is_last(&self, source: usize, file: usize) -> bool {
        self.get(source, file + 1).is_none()
    }

    /// The files of the sources before `source`, and of this one before `file`.
    pub fn before(&self, source: usize, file: usize) -> usize {
        self.sources.iter().take(source).map(Vec::len).sum::<usize>() + file
    }

    /// The manifest's lines on the sources, without weights.
    pub fn entries(&self, request: &Request) -> Vec<SourceEntry> {
        let entry =
            |input: &Input| InputEntry { name: input.file.name.clone(), sha256: input.sha256.clone() };
        let sources = request.sources.iter().chain(&request.validation).zip(&self.sources).enumerate();
        let of_source = |(number, (source, inputs)): (usize, (&Source, &Vec<Input>))| SourceEntry {
            name: source.name.clone(),
            weight: None,
            validation: number >= self.to_train_on,
            files: inputs.iter().map(entry).collect(),
        };
        sources.map(of_source).collect()
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
