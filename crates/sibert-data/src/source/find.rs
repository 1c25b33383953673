//! Specs to files: the file itself, the files of a folder, what a glob matches, what the hub has.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};

use super::format::{KNOWN, of_name};
use super::shown::shown;
use super::walk::{self, Kind};
use super::{InputFile, OpenHub, Source, glob, hub};
use crate::Notes;

/// JSON files that describe a dataset and hold no text.
const DESCRIPTIONS: [&str; 4] =
    ["dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json"];

/// Resolves specs: files, folders (recursive, sorted, hidden ones skipped), globs, `hf://datasets/…`.
///
/// The hub is opened only if a spec is on it; `notes` is told what is passed over.
///
/// # Errors
/// If a path is missing, a file cannot be opened or is not what its name says, a folder holds no file of a known
/// extension or prepared shards, a glob matches no file, or the hub does not give what is asked of it.
pub fn resolve(specs: &[String], hub: &OpenHub, notes: Notes) -> Result<Vec<Source>> {
    specs.iter().map(|spec| Ok(Source { name: shown(spec), files: files(spec, hub, notes)? })).collect()
}

fn files(spec: &str, hub: &OpenHub, notes: Notes) -> Result<Vec<InputFile>> {
    ensure!(!spec.is_empty(), "an empty source: name a file, a folder, a glob or hf://…");
    let path = Path::new(spec);
    let files = if spec.starts_with("hf://") {
        hub::files(spec, hub, notes)?
    } else if path.is_dir() {
        named(folder(path, notes)?)
    } else if glob::is_glob(spec) && !path.exists() {
        named(glob::files(spec, notes)?)
    } else if let Some((scheme, _)) = spec.split_once("://") {
        bail!(
            "{}: cannot read from {}://, expected a path or hf://datasets/OWNER/NAME: download it first",
            shown(spec),
            shown(scheme)
        )
    } else {
        named(vec![path.to_owned()])
    };
    files.iter().try_for_each(InputFile::check)?;
    Ok(files)
}

fn named(paths: Vec<PathBuf>) -> Vec<InputFile> {
    paths.into_iter().map(|path| InputFile::new(path.display().to_string(), &path)).collect()
}

/// The files of known extensions in a folder and the folders below it.
fn folder(path: &Path, notes: Notes) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    collect(path, walk::named, &mut files, &mut BTreeSet::new(), notes)?;
    ensure!(
        !files.is_empty(),
        "{}: the folder holds no .txt or .text file, nor another that can be read ({KNOWN}); to read a file of \
         another name, name the file itself",
        shown(path.display())
    );
    Ok(files)
}

/// Adds the files below `folder`, which `list` lists; `seen` keeps links from leading round in a circle.
fn collect(
    folder: &Path,
    list: fn(&Path, Notes) -> Result<Vec<PathBuf>>,
    files: &mut Vec<PathBuf>,
    seen: &mut BTreeSet<PathBuf>,
    notes: Notes,
) -> Result<()> {
    if !seen.insert(walk::canonical(folder)?) {
        return Ok(());
    }
    for path in list(folder, notes)?.into_iter().filter(|path| !walk::is_hidden(path)) {
        match walk::kind(&path) {
            Kind::Folder => collect(&path, walk::below, files, seen, notes)?,
            Kind::File if is_data(&path.file_name().unwrap_or_default().to_string_lossy()) => {
                files.push(path)
            }
            Kind::File => {}
            Kind::Other(what) => walk::pass_over(&path, what, notes),
        }
    }
    Ok(())
}

/// Whether a file that was not named itself is read.
pub(super) fn is_data(name: &str) -> bool {
    of_name(name).0.is_some() && !DESCRIPTIONS.contains(&name)
}
