//! Of the files of a data set, those of one configuration and one split, as Python's `datasets` finds them.

use anyhow::{Result, bail, ensure};

use super::card::Config;
use super::files::{below, data, of_one_format};
use super::splits::{Placed, splits};
use crate::source::format::KNOWN;
use crate::source::glob::{is_glob, matching};
use crate::source::shown::shown;

/// So many files or configurations are listed where none is meant.
const LISTED: usize = 4;

/// The split that is meant where none is named.
const TRAIN: &str = "train";

/// Stands for every split.
const ALL: &str = "all";

/// The files that are asked for.
pub(super) struct Wanted<'a> {
    /// The address of the repository.
    pub repo: &'a str,
    /// A configuration, folder, file or glob in it; empty for the repository itself.
    pub path: &'a str,
    /// One split, several with `+` between them, or `all`.
    pub split: Option<&'a str>,
}

/// The files that were found.
#[derive(Debug)]
pub(super) struct Found<'a> {
    /// The files to read, sorted.
    pub files: Vec<&'a str>,
    /// Those of another format than most of the split.
    pub others: Vec<&'a str>,
}

/// Of the files `all` of a repository, those that are wanted; its configurations are asked for if they matter.
pub(super) fn select<'a>(
    all: &[&'a str],
    wanted: &Wanted,
    configs: impl FnOnce() -> Result<Vec<Config>>,
) -> Result<Found<'a>> {
    let path = wanted.path;
    if let Some(file) = wanted.file(all)? {
        return Ok(Found { files: vec![file], others: Vec::new() });
    }
    let below = below(all, path);
    if below.is_empty() && is_glob(path) {
        let found = matching(all, path)?;
        let files = data(&found, path);
        ensure!(!files.is_empty(), "{}", nothing(all, &found, path));
        return of_glob(files, wanted);
    }
    let files = match named(configs()?, wanted)? {
        Some(config) => of_config(all, &config, wanted)?,
        None => {
            let files = data(&below, path);
            ensure!(!files.is_empty(), "{}", nothing(all, &below, path));
            of_folder(files, path, wanted)?
        }
    };
    let (files, others) = of_one_format(files);
    Ok(Found { files, others })
}

impl Wanted<'_> {
    /// The one file that is named itself.
    fn file<'a>(&self, all: &[&'a str]) -> Result<Option<&'a str>> {
        let find = |path: &str| all.iter().copied().find(|file| *file == path);
        let Some(split) = self.split else { return Ok(find(self.path)) };
        let whole = find(&format!("{}#{split}", self.path));
        ensure!(
            whole.is_some() || find(self.path).is_none(),
            "found a file, which is of one split: leave out #{split}"
        );
        Ok(whole)
    }

    /// The address without a split.
    fn address(&self) -> String {
        if self.path.is_empty() { self.repo.to_owned() } else { format!("{}/{}", self.repo, self.path) }
    }

    /// Whether a split of this name is wanted.
    fn has(&self, split: &str) -> bool {
        self.split.unwrap_or(TRAIN).split('+').any(|name| name == split || name == ALL)
    }

    /// Refuses a data set that does not have each split that is wanted.
    fn ensure_all(&self, there: &[&str]) -> Result<()> {
        for name in self.split.unwrap_or(TRAIN).split('+').filter(|name| *name != ALL) {
            let (address, found) = (self.address(), there.join(", "));
            ensure!(
                there.contains(&name),
                "no split {name}, found {found}: name one behind #, as in {address}#{}",
                there.first().copied().unwrap_or(TRAIN)
            );
        }
        Ok(())
    }
}

/// The configuration that is meant; none if the card lists none, or the path is no configuration's name.
fn named(configs: Vec<Config>, wanted: &Wanted) -> Result<Option<Config>> {
    if !wanted.path.is_empty() || configs.is_empty() {
        return Ok(configs.into_iter().find(|config| config.name == wanted.path));
    }
    let names: Vec<String> =
        configs.iter().map(|config| format!("{}/{}", wanted.repo, config.name)).collect();
    let one = configs.len() == 1;
    match configs.into_iter().find(|config| one || config.is_default) {
        Some(config) => Ok(Some(config)),
        None => bail!("{}", several(&names, "")),
    }
}

/// The remedy where a repository or folder holds the addresses `names`.
fn several(names: &[String], more: &str) -> String {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    format!("{} configurations, expected one of them by its name: {}{more}", names.len(), listed(&names))
}

/// The files of a configuration of the card.
fn of_config<'a>(all: &[&'a str], config: &Config, wanted: &Wanted) -> Result<Vec<&'a str>> {
    let Config { name, folder, splits, .. } = config;
    if splits.is_empty() {
        let files = data(&below(all, folder), folder);
        ensure!(
            !files.is_empty(),
            "the configuration {} has no file to read in {}",
            shown(name),
            shown(folder)
        );
        return of_folder(files, folder, wanted);
    }
    wanted.ensure_all(&splits.iter().map(|(split, _)| split.as_str()).collect::<Vec<_>>())?;
    let mut files = Vec::new();
    for (_, patterns) in splits.iter().filter(|(split, _)| wanted.has(split)) {
        for pattern in patterns {
            let found = matching(all, pattern)?;
            let found = data(&found, pattern);
            ensure!(
                !found.is_empty(),
                "the configuration {} names {}, which no file to read matches",
                shown(name),
                shown(pattern)
            );
            files.extend(found);
        }
    }
    files.sort_unstable();
    files.dedup();
    Ok(files)
}

/// The files of the wanted split among those of a folder.
fn of_folder<'a>(files: Vec<&'a str>, folder: &str, wanted: &Wanted) -> Result<Vec<&'a str>> {
    let placed = splits(&files, folder);
    let mut there: Vec<&str> = placed.iter().map(|file| file.split).collect();
    there.sort_unstable();
    there.dedup();
    wanted.ensure_all(&there)?;
    let chosen: Vec<&Placed> = placed.iter().filter(|file| wanted.has(file.split)).collect();
    let mut parts: Vec<&str> = chosen.iter().map(|file| file.part).collect();
    parts.sort_unstable();
    parts.dedup();
    if parts.len() > 1 {
        let names: Vec<String> = parts.iter().map(|part| format!("{}/{part}", wanted.repo)).collect();
        let names: Vec<String> =
            names.into_iter().map(|name| name.trim_end_matches('/').to_owned()).collect();
        bail!("{}", several(&names, &format!("; all of them are {}/**/*train*", wanted.address())));
    }
    Ok(chosen.into_iter().map(|file| file.file).collect())
}

/// The files that a glob matches, or of those the split that is asked for.
fn of_glob<'a>(files: Vec<&'a str>, wanted: &Wanted) -> Result<Found<'a>> {
    let mut files = match wanted.split {
        None => files,
        Some(_) => {
            let placed = splits(&files, "");
            wanted.ensure_all(&placed.iter().map(|file| file.split).collect::<Vec<_>>())?;
            placed.into_iter().filter(|file| wanted.has(file.split)).map(|file| file.file).collect()
        }
    };
    files.sort_unstable();
    Ok(Found { files, others: Vec::new() })
}

/// Why `path` means no file to read: it means no file at all, or only `found` of `all`, which are no data.
fn nothing(all: &[&str], found: &[&str], path: &str) -> String {
    if all.is_empty() {
        return "the repository has no files".into();
    }
    if found.is_empty() {
        let data = data(all, "");
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

#[cfg(test)]
#[path = "../tests/hub.rs"]
mod tests;
