//! The files of `hf://datasets/OWNER/NAME[@REVISION][/PATH][#SPLIT]`.
//!
//! The path is a configuration, a folder, a file or a glob. Without a split it is `train`, but for a file, which is
//! itself, and for a glob, which is all that it matches.

mod card;
mod files;
mod select;
mod splits;

use anyhow::{Context, Result, ensure};
use sibert_files::bounded;

use super::shown::shown;
use super::{InputFile, OpenHub};
use crate::Notes;
use select::{Wanted, select};

/// The card of a data set, which may list its configurations.
const CARD: &str = "README.md";

/// No card is longer.
const LONGEST_CARD: u64 = 16 << 20;

/// The files that `spec` names, fetched where they are not yet on this machine.
pub(super) fn files(spec: &str, hub: &OpenHub, notes: Notes) -> Result<Vec<InputFile>> {
    let (address, split) = parts(spec)?;
    let (repo, path) = sibert_hub::parse(address)?;
    let path = path.unwrap_or_default();
    let path = path.trim_matches('/');
    let address = address.trim_end_matches('/');
    let repo_address = address.strip_suffix(path).unwrap_or(address).trim_end_matches('/');
    let hub = hub()?;
    let all = hub.files(&repo).with_context(|| format!("cannot list {repo_address}"))?;
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let configs = || {
        if !all.contains(&CARD) {
            return Ok(Vec::new());
        }
        let name = format!("{repo_address}/{CARD}");
        let local = hub.fetch(&repo, CARD).with_context(|| format!("cannot fetch {name}"))?;
        let card = bounded::text(&local, LONGEST_CARD);
        card.and_then(|card| card::configs(&card)).with_context(|| shown(&name))
    };
    let wanted = Wanted { repo: repo_address, path, split };
    let found = select(&all, &wanted, configs).with_context(|| shown(spec))?;
    if !found.others.is_empty() {
        notes(format!("{}: passing over {}: of another format", shown(spec), shown(found.others.join(", "))));
    }
    let mut files = Vec::new();
    for path in found.files {
        let name = shown(format!("{repo_address}/{path}"));
        let local = hub.fetch(&repo, path).with_context(|| format!("cannot fetch {name}"))?;
        files.push(InputFile::new(name, &local));
    }
    Ok(files)
}

/// The address in `spec`, and the split behind its `#`; one with other signs than a split's belongs to the path.
fn parts(spec: &str) -> Result<(&str, Option<&str>)> {
    let is_split = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.' | '+');
    match spec.rsplit_once('#') {
        Some((address, split)) if split.chars().all(is_split) => {
            ensure!(!split.is_empty(), "{}: the split behind # is missing", shown(spec));
            Ok((address, Some(split)))
        }
        _ => Ok((spec, None)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_split_stands_behind_the_last_hash() {
        assert_eq!(parts("hf://datasets/o/n").unwrap(), ("hf://datasets/o/n", None));
        assert_eq!(parts("hf://datasets/o/n@v1/en#test").unwrap(), ("hf://datasets/o/n@v1/en", Some("test")));
        assert_eq!(parts("hf://datasets/o/n#train+test").unwrap(), ("hf://datasets/o/n", Some("train+test")));
        assert_eq!(parts("hf://datasets/o/n/a#1/b.txt").unwrap(), ("hf://datasets/o/n/a#1/b.txt", None));
        assert!(
            parts("hf://datasets/o/n#").unwrap_err().to_string().ends_with("the split behind # is missing")
        );
    }
}
