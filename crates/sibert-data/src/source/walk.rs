//! The entries of a folder, for walks and patterns; what cannot be read as text is passed over with a note.
//!
//! The walk is our own: `walkdir` 2.5.1 and `ignore` 0.4.35 list a folder again for each link to it, and its text would be
//! there twice. Here every folder is read once, and folders of shards are told from folders of text.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::open::unreadable;
use super::shown::shown;
use crate::Notes;
use crate::shards::{MANIFEST, PROGRESS};

/// The kind of an entry of a folder; links are followed.
pub(super) enum Kind {
    Folder,
    File,
    /// Nothing to read text from, in words.
    Other(&'static str),
}

/// The kind of entry at `path`. An unknown one is a file, which says so when it is opened.
pub(super) fn kind(path: &Path) -> Kind {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Kind::Folder,
        Ok(metadata) if metadata.is_file() => Kind::File,
        Ok(_) => Kind::Other("a pipe or device"),
        Err(error) if leads_nowhere(path, &error) => Kind::Other("a link that leads nowhere"),
        Err(_) => Kind::File,
    }
}

/// Whether `path` is a link without an end: `error` is why it could not be followed.
pub(super) fn leads_nowhere(path: &Path, error: &io::Error) -> bool {
    let nowhere = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
    (nowhere || is_circle(error)) && path.is_symlink()
}

/// Whether links lead to each other.
#[cfg_attr(not(unix), allow(unused_variables))]
fn is_circle(error: &io::Error) -> bool {
    #[cfg(unix)]
    let circle = error.raw_os_error() == Some(libc::ELOOP);
    #[cfg(not(unix))]
    let circle = false;
    circle
}

/// Says that what is at `path` is not read.
pub(super) fn pass_over(path: &Path, what: &str, notes: Notes) {
    notes(format!("passing over {}: {what}", shown(path.display())));
}

/// The paths in a folder that a spec names, sorted.
pub(super) fn named(folder: &Path, _: Notes) -> Result<Vec<PathBuf>> {
    let paths = paths(folder)?;
    let path = shown(or_current(folder).display());
    ensure!(
        !is_prepared(&paths),
        "{path}: holds prepared shards, expected text: train on them with --shards {path}"
    );
    Ok(paths)
}

/// The paths in a folder below it, sorted; none if it holds token ids.
pub(super) fn below(folder: &Path, notes: Notes) -> Result<Vec<PathBuf>> {
    let paths = paths(folder)?;
    if is_prepared(&paths) {
        pass_over(folder, "prepared shards, not text", notes);
        return Ok(Vec::new());
    }
    Ok(paths)
}

/// Whether a name begins with a point.
pub(super) fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// `folder` by its only name, however many links lead to it.
pub(super) fn canonical(folder: &Path) -> Result<PathBuf> {
    or_current(folder).canonicalize().with_context(|| unreadable(folder.display()))
}

fn paths(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(or_current(folder)).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = entries.with_context(|| unreadable(folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| folder.join(entry.file_name())).collect();
    paths.sort_unstable();
    Ok(paths)
}

fn or_current(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

/// Whether these are the files of a folder of shards, finished or not.
fn is_prepared(paths: &[PathBuf]) -> bool {
    let names = || paths.iter().filter_map(|path| path.file_name()?.to_str());
    let has = |name: &str| names().any(|found| found == name);
    let is_shard = |name: &str| name.starts_with("shard-") && name.ends_with(".safetensors");
    has(PROGRESS) || has(MANIFEST) && names().any(is_shard)
}
