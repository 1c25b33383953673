//! The folder of the shards, while they are made.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sibert_files::FolderLock;
use sibert_files::durable;
use sibert_files::sealed;
use tokenizers::Tokenizer;

use super::reader::Position;
use crate::shards::{MANIFEST, Manifest, PROGRESS, TOKENIZER};
use crate::sides::{Bound, Extremes};
use crate::tokenizer;

/// A folder that no other process prepares.
pub struct Folder {
    path: PathBuf,
    _lock: FolderLock,
}

/// The contents of a folder.
pub enum State {
    /// Nothing, or nothing that is still wanted.
    Empty,
    /// Shards that were recorded before a preparation stopped.
    Half(Progress),
    /// All shards.
    Finished(Manifest),
}

/// How far a preparation is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// The manifest, with the shards that are on the disk.
    pub manifest: Manifest,
    /// The document that follows them.
    pub next: Position,
    /// The bound that decides a document's side.
    pub bound: Bound,
    /// The hashes of the documents before.
    pub extremes: Extremes,
    /// Documents before that were empty or gave no id.
    pub empty: u64,
    /// Lines and rows before that could not be read.
    #[serde(default)]
    pub bad: u64,
}

impl Progress {
    /// Before the first document.
    pub fn new(manifest: Manifest, bound: Bound) -> Self {
        Self { manifest, next: Position::default(), bound, extremes: Extremes::default(), empty: 0, bad: 0 }
    }
}

impl Folder {
    /// Locks a folder, which is made where needed.
    ///
    /// # Errors
    /// If it cannot be written, another process works in it, or it holds files of something else: names one.
    pub fn open(path: &Path) -> Result<Self> {
        ensure_ours(path)?;
        Ok(Self { path: path.to_owned(), _lock: FolderLock::acquire(path)? })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The contents of the folder; `unchecked` is told of a record without a digest.
    ///
    /// # Errors
    /// If what was recorded cannot be read.
    pub fn state(&self, unchecked: impl FnOnce(String)) -> Result<State> {
        if self.path.join(MANIFEST).exists() {
            return Manifest::read(&self.path).map(State::Finished);
        }
        let path = self.path.join(PROGRESS);
        if !path.exists() {
            return Ok(State::Empty);
        }
        let progress = sealed::read(&path, "prepare again with --force", unchecked);
        progress.map(State::Half).with_context(|| format!("{} is damaged", path.display()))
    }

    /// Records how far the preparation is.
    ///
    /// # Errors
    /// Names the file, and what to do when the disk is full.
    pub fn record(&self, progress: &Progress) -> Result<()> {
        sealed::write(&self.path.join(PROGRESS), progress)
    }

    /// Writes the manifest, which makes the folder a prepared corpus.
    ///
    /// # Errors
    /// Names the file, and what to do when the disk is full.
    pub fn write_manifest(&self, manifest: &Manifest) -> Result<()> {
        durable::replace(&self.path.join(MANIFEST), &manifest.to_json()?).map(drop)
    }

    /// Removes the record, which a finished folder does not need.
    ///
    /// # Errors
    /// Names the file that cannot be removed.
    pub fn remove_progress(&self) -> Result<()> {
        self.remove(PROGRESS)
    }

    /// Writes `tokenizer.json`.
    ///
    /// # Errors
    /// Names the file, and what to do when the disk is full.
    pub fn write_tokenizer(&self, text: &str) -> Result<()> {
        durable::replace(&self.path.join(TOKENIZER), text).map(drop)
    }

    /// The tokenizer written before.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn tokenizer(&self) -> Result<Tokenizer> {
        tokenizer::load(&self.path.join(TOKENIZER))
    }

    /// Checks the tokenizer and the shards of a manifest.
    ///
    /// # Errors
    /// One clause: the file, what was expected and what was found.
    pub fn verify(&self, manifest: &Manifest) -> Result<(), String> {
        durable::verify(&self.path, TOKENIZER, &manifest.tokenizer)?;
        let verify =
            |shard: &crate::shards::ShardEntry| durable::verify(&self.path, &shard.name, &shard.file);
        manifest.shards.par_iter().try_for_each(verify)
    }

    /// Removes the shards that are not in the manifest, and files that were being written.
    ///
    /// # Errors
    /// Names the file that cannot be removed.
    pub fn remove_leftovers(&self, manifest: &Manifest) -> Result<()> {
        let is_known = |name: &str| manifest.shards.iter().any(|shard| shard.name == name);
        let names = names(&self.path)?;
        let leftover = |name: &&String| is_unfinished(name) || is_shard(name) && !is_known(name);
        names.iter().filter(leftover).try_for_each(|name| self.remove(name))
    }

    /// Removes everything that a preparation makes; last of all what tells that it was one.
    ///
    /// # Errors
    /// Names the file that cannot be removed.
    pub fn clear(&self) -> Result<()> {
        let names = names(&self.path)?;
        let shards = names.iter().filter(|name| is_unfinished(name) || is_shard(name)).map(String::as_str);
        shards.chain([TOKENIZER, PROGRESS, MANIFEST]).try_for_each(|name| self.remove(name))
    }

    fn remove(&self, name: &str) -> Result<()> {
        let path = self.path.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", path.display()))
            }
            _ => Ok(()),
        }
    }
}

/// Refuses a folder with files that no preparation made; hidden ones are nobody's business.
fn ensure_ours(path: &Path) -> Result<()> {
    let names = names(path)?;
    let has = |name: &str| names.iter().any(|found| found == name);
    let is_prepared = has(MANIFEST) || has(PROGRESS);
    let is_ours = |name: &str| {
        name.starts_with('.') || is_prepared && (is_shard(name) || [MANIFEST, TOKENIZER].contains(&name))
    };
    if let Some(foreign) = names.iter().find(|name| !is_ours(name)) {
        anyhow::bail!("{} holds other files, such as {foreign}: choose another --out", path.display());
    }
    Ok(())
}

/// The names in a folder, sorted; none if there is no such folder.
fn names(path: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory].contains(&error.kind()) => {
            return Ok(Vec::new());
        }
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read the folder {}", path.display()));
        }
    };
    let name = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = entries
        .map(name)
        .collect::<io::Result<_>>()
        .with_context(|| format!("cannot read the folder {}", path.display()))?;
    names.sort_unstable();
    Ok(names)
}

fn is_shard(name: &str) -> bool {
    let number = name.strip_prefix("shard-").and_then(|rest| rest.strip_suffix(".safetensors"));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a file of ours was being written under this name.
fn is_unfinished(name: &str) -> bool {
    let is_of = |file: &str| durable::unfinished(Path::new(file)) == Path::new(name);
    let written = name.strip_prefix('.').and_then(|rest| rest.strip_suffix(".tmp"));
    written.is_some_and(is_shard) || [MANIFEST, TOKENIZER, PROGRESS].into_iter().any(is_of)
}
