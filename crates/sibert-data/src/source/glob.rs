//! The files that a pattern matches.
//!
//! Names are matched by `glob::Pattern`. The walk is our own. `glob` 0.3.4 follows links that lead round in a circle, with two
//! of them for ever. `globset` 0.4.22 on `walkdir` 2.5.1 follows no link that leads back, not even where `**/t*/**/*.txt`
//! names it, and matches nothing behind `*/..`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf, is_separator};

use anyhow::{Result, anyhow, ensure};
use glob::{MatchOptions, Pattern};

use super::shown::shown;
use super::walk::{Kind, below, canonical, is_hidden, kind, named, pass_over};
use crate::Notes;

/// Shells' rules; hidden names are left out here.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// Whether `spec` has a character that stands for others.
pub(super) fn is_glob(spec: &str) -> bool {
    spec.contains(['*', '?', '['])
}

/// The files that `pattern` matches, sorted, hidden ones left out; folders are passed over.
pub(super) fn files(pattern: &str, notes: Notes) -> Result<Vec<PathBuf>> {
    compiled(pattern)?;
    let mut walk = Walk::default();
    let mut start = PathBuf::new();
    for component in Path::new(pattern).components() {
        match component {
            Component::CurDir => {}
            Component::Normal(name) if !walk.parts.is_empty() || is_glob(&name.to_string_lossy()) => {
                walk.parts.push(Part::new(&name.to_string_lossy())?);
            }
            Component::ParentDir if !walk.parts.is_empty() => walk.parts.push(Part::Parent),
            fixed => start.push(fixed),
        }
    }
    if !pattern.ends_with(is_separator) && matches!(kind(&start.join(".")), Kind::Folder) {
        walk.enter(&start, named, &[0], notes)?;
    }
    ensure!(
        !walk.files.is_empty(),
        "{}: no file matches; folders are searched only by a pattern such as DIR/**/*.txt",
        shown(pattern)
    );
    Ok(walk.files.into_iter().collect())
}

/// Of `paths`, those that `pattern` matches; for paths that are on no disk.
pub(super) fn matching<'a>(paths: &[&'a str], pattern: &str) -> Result<Vec<&'a str>> {
    let compiled = compiled(pattern)?;
    let spelled = |name: &str| pattern.split('/').any(|part| part == name);
    let is_visible = |path: &str| path.split('/').all(|name| !name.starts_with('.') || spelled(name));
    let matches = |path: &&str| compiled.matches_with(path, OPTIONS) && is_visible(path);
    Ok(paths.iter().copied().filter(matches).collect())
}

fn compiled(pattern: &str) -> Result<Pattern> {
    Pattern::new(pattern).map_err(|error| {
        anyhow!("{}: not a pattern: {} at character {}", shown(pattern), error.msg, error.pos + 1)
    })
}

/// The part between two separators.
enum Part {
    /// `**`: any folders, or none.
    Folders,
    /// `..`
    Parent,
    /// A name, or a pattern of names.
    Name(Pattern),
}

impl Part {
    fn new(part: &str) -> Result<Self> {
        Ok(if part == "**" { Self::Folders } else { Self::Name(compiled(part)?) })
    }

    /// Whether it matches the last name of `path`; a hidden one must be spelled.
    fn matches(&self, path: &Path) -> bool {
        let name = path.file_name().and_then(|name| name.to_str());
        match self {
            Self::Folders => !is_hidden(path),
            Self::Parent => false,
            Self::Name(pattern) if is_hidden(path) => name == Some(pattern.as_str()),
            Self::Name(pattern) => name.is_some_and(|name| pattern.matches_with(name, OPTIONS)),
        }
    }
}

/// A search for what a pattern matches.
#[derive(Default)]
struct Walk {
    parts: Vec<Part>,
    files: BTreeSet<PathBuf>,
    /// The parts that each folder was searched for: links that lead round in a circle have nothing new.
    seen: BTreeMap<PathBuf, BTreeSet<usize>>,
}

impl Walk {
    /// Searches a folder, which `list` lists, for what the parts from any of `from` on match.
    fn enter(
        &mut self,
        folder: &Path,
        list: fn(&Path, Notes) -> Result<Vec<PathBuf>>,
        from: &[usize],
        notes: Notes,
    ) -> Result<()> {
        let wanted = self.with_skipped(from);
        let seen = self.seen.entry(canonical(folder)?).or_default();
        let wanted: Vec<usize> = wanted.into_iter().filter(|&at| seen.insert(at)).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        for path in list(folder, notes)? {
            self.meet(path, &wanted, notes)?;
        }
        for at in wanted {
            if matches!(self.parts[at], Part::Parent) {
                self.enter(&folder.join(".."), below, &[at + 1], notes)?;
            }
        }
        Ok(())
    }

    /// The parts of `from`, and those behind a `**` that stands for no folder.
    fn with_skipped(&self, from: &[usize]) -> BTreeSet<usize> {
        let mut parts = BTreeSet::new();
        for &first in from {
            let skipped = self.parts[first.min(self.parts.len())..].iter();
            let skipped = skipped.take_while(|part| matches!(part, Part::Folders)).count();
            parts.extend((first..=first + skipped).filter(|&at| at < self.parts.len()));
        }
        parts
    }

    /// Takes a file that the last part matches, and enters a folder that another one does.
    fn meet(&mut self, path: PathBuf, wanted: &[usize], notes: Notes) -> Result<()> {
        let matched = wanted.iter().filter(|&&at| self.parts[at].matches(&path));
        let next = matched.map(|&at| at + usize::from(!matches!(self.parts[at], Part::Folders)));
        let next: Vec<usize> = next.collect();
        let is_whole = next.contains(&self.parts.len());
        if next.is_empty() {
            return Ok(());
        }
        match kind(&path) {
            Kind::Folder => self.enter(&path, below, &next, notes)?,
            Kind::File if is_whole => _ = self.files.insert(path),
            Kind::Other(what) if is_whole => pass_over(&path, what, notes),
            Kind::File | Kind::Other(_) => {}
        }
        Ok(())
    }
}
