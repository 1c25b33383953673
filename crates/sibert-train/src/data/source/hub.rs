//! The files of `hf://datasets/OWNER/NAME[@REVISION][/PATH]`, where the path is a folder, a file or a glob.

use anyhow::{Context, Result, bail};

use super::InputFile;
use super::find::is_data;
use super::format::KNOWN;
use super::glob::{is_glob, matching};
use super::shown::shown;
use crate::hub::{self, Hub};

/// So many files are listed where none is meant.
const LISTED: usize = 4;

/// The files that `spec` names, fetched where they are not yet on this machine.
pub(super) fn files(spec: &str) -> Result<Vec<InputFile>> {
    let (repo, path) = hub::parse(spec)?;
    let path = path.unwrap_or_default();
    let path = path.trim_matches('/');
    let address = spec.trim_end_matches('/');
    let repo_address = address.strip_suffix(path).unwrap_or(address).trim_end_matches('/');
    let hub = Hub::from_env()?;
    let all = hub.files(&repo).with_context(|| format!("cannot list {repo_address}"))?;
    let mut files = Vec::new();
    for path in select(&all, path).with_context(|| shown(spec))? {
        let name = shown(format!("{repo_address}/{path}"));
        let local = hub.fetch(&repo, path).with_context(|| format!("cannot fetch {name}"))?;
        files.push(InputFile::new(name, &local));
    }
    Ok(files)
}

/// Of the files `all` of a repository, those that `path` means; an empty one means the whole repository.
fn select<'a>(all: &'a [String], path: &str) -> Result<Vec<&'a str>> {
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    if all.contains(&path) {
        return Ok(all.into_iter().filter(|file| *file == path).collect());
    }
    let below = |file: &&str| path.is_empty() || file.strip_prefix(path).is_some_and(|f| f.starts_with('/'));
    let below: Vec<&str> = all.iter().copied().filter(below).collect();
    let found = if below.is_empty() && is_glob(path) { matching(&all, path)? } else { below };
    let mut files: Vec<&str> = found.iter().copied().filter(|file| is_wanted(file, path)).collect();
    files.sort_unstable();
    if files.is_empty() {
        bail!("{}", nothing(&all, &found, path));
    }
    Ok(files)
}

/// Why `path` means no file to read: it means no file at all, or only `found` of `all`, which are no data.
fn nothing(all: &[&str], found: &[&str], path: &str) -> String {
    if all.is_empty() {
        return "the repository has no files".into();
    }
    if found.is_empty() {
        let data: Vec<&str> = all.iter().copied().filter(|file| is_wanted(file, "")).collect();
        let there = listed(if data.is_empty() { all } else { &data });
        return format!("no file matches {}; the repository has {there}", shown(path));
    }
    format!(
        "no file to read in {}, expected {KNOWN}; to read one all the same, name the file itself",
        listed(found)
    )
}

/// The first of `files`, and how many more there are.
fn listed(files: &[&str]) -> String {
    let first = shown(files[..files.len().min(LISTED)].join(", "));
    match files.len().saturating_sub(LISTED) {
        0 => first,
        more => format!("{first} (and {more} more)"),
    }
}

/// Whether a file that was not named itself is data: of a known extension, not hidden, not a `README`.
fn is_wanted(file: &str, path: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    let hidden = file.split('/').any(|part| part.starts_with('.') && !path.split('/').any(|p| p == part));
    is_data(name) && !hidden && !name.to_ascii_uppercase().starts_with("README")
}

#[cfg(test)]
#[path = "tests/hub.rs"]
mod tests;
