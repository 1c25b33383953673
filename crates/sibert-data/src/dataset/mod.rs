//! Where the data of a task is: a folder on this machine, or a data set of the hub.
//!
//! ```text
//! --data-dir glue            ─┐               ┌─ glue/MRPC/train.tsv
//! --dataset nyu-mll/glue@v1  ─┼▶ DataSource ──┤
//! neither: the task's own    ─┘     find      └─ …/snapshots/0123…/mrpc/train-00000-of-00001.parquet
//! ```
//! A data set of the hub is pinned to the commit that its revision stands for when it is named, so that everything
//! read from it is of one state, and reports can name it.

mod origin;
mod select;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail, ensure};
use sibert_hub::reference::{Kind, is_hub_spec};
use sibert_hub::{Hub, RepoRef};

use crate::source::shown;
use crate::task::Task;

pub use origin::official;
use select::{listed, select};

/// So many names are listed where a file is missing.
const LISTED: usize = 8;

/// The place of a task's data.
#[derive(Clone)]
pub struct DataSource {
    place: Location,
    task: Task,
}

#[derive(Clone)]
enum Location {
    Folder(PathBuf),
    /// Files on this machine by the names that the task has for them.
    Files(Vec<(String, Vec<PathBuf>)>),
    /// A repository, and the commit that its revision stands for.
    Hub(Arc<Hub>, RepoRef, String),
}

impl DataSource {
    /// The folder `data_dir`, or the data set `dataset` of the hub; with neither, the task's own on the hub, or the folder
    /// of its file.
    ///
    /// A data set is `OWNER/NAME[@REVISION]`, with or without `hf://datasets/` in front. One that is also a path on
    /// this machine is refused: `--data-dir` is for those.
    ///
    /// # Errors
    /// If both are given, the folder is none, the data set cannot be one, or the hub does not know it.
    pub fn of(
        data_dir: Option<&Path>,
        dataset: Option<&str>,
        task: Task,
        hub: impl FnOnce() -> Result<Hub>,
    ) -> Result<Self> {
        match (data_dir, dataset) {
            (Some(folder), Some(dataset)) => bail!(
                "--data-dir {} and --dataset {}: the data comes from only one of them: leave out the other",
                shown(folder.display()),
                shown(dataset)
            ),
            (Some(folder), None) => Self::in_folder(folder, task),
            (None, dataset) => match (dataset.or(task.on_hub()), task.folder()) {
                (Some(dataset), _) => Self::of_spec(dataset, task, hub),
                (None, Some(folder)) => Self::in_folder(folder, task),
                (None, None) => {
                    bail!(
                        "{task}: its own file is not at hand: name the folder of its data with --data-dir, or a table \
                         with --validation"
                    )
                }
            },
        }
    }

    /// Files on this machine by the names that the task has for them, as those that were fetched from the hub.
    pub fn of_files(files: Vec<(String, Vec<PathBuf>)>, task: Task) -> Self {
        Self { place: Location::Files(files), task }
    }

    fn in_folder(folder: &Path, task: Task) -> Result<Self> {
        let name = shown(folder.display());
        let metadata = fs::metadata(folder).with_context(|| {
            format!("{name}: cannot read the folder of the data; {}", origin::remedy_in_folder(task))
        })?;
        ensure!(metadata.is_dir(), "{name}: expected a folder, found a file: name the folder that it is in");
        Ok(Self { place: Location::Folder(folder.to_owned()), task })
    }

    /// The data set `dataset` of this hub.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn of_hub(hub: Hub, dataset: &str, task: Task) -> Result<Self> {
        Self::of_spec(dataset, task, || Ok(hub))
    }

    fn of_spec(dataset: &str, task: Task, hub: impl FnOnce() -> Result<Hub>) -> Result<Self> {
        let name = shown(dataset);
        ensure!(
            is_hub_spec(dataset) || !Path::new(dataset).exists(),
            "--dataset {name}: found on this machine: name a folder with --data-dir; a data set of the hub with \
             that name is hf://datasets/{name}"
        );
        let spec = if is_hub_spec(dataset) { dataset.to_owned() } else { format!("hf://datasets/{dataset}") };
        let (repo, path) = sibert_hub::parse(&spec)?;
        ensure!(
            repo.kind == Kind::Dataset && path.is_none(),
            "--dataset {name}: expected a data set of the hub as OWNER/NAME[@REVISION], found {}",
            if path.is_some() { "a path behind it" } else { "a model" }
        );
        let hub = hub()?;
        let commit = hub.commit(&repo).with_context(|| format!("--dataset {name}"))?;
        Ok(Self { place: Location::Hub(Arc::new(hub), repo, commit), task })
    }

    /// The task that the folder's own name says, as `MRPC` does.
    pub fn named_task(&self) -> Option<Task> {
        let Location::Folder(folder) = &self.place else { return None };
        let folder = fs::canonicalize(folder).ok()?;
        folder.file_name()?.to_str()?.parse().ok()
    }

    /// The file that the first of `candidates` with a file means; fetched if it is on the hub.
    ///
    /// # Errors
    /// As [`Self::find_all`], or if that candidate means several files.
    pub fn find(&self, candidates: &[String]) -> Result<PathBuf> {
        let found = self.find_all(candidates)?;
        match &found[..] {
            [one] => Ok(one.clone()),
            several => bail!("{self}: expected one file, found {}: {several:?}", several.len()),
        }
    }

    /// The files that the first of `candidates` with a file means, in the order of their names.
    ///
    /// A candidate is a path below the folder or in the repository; in its last part `*` stands for any letters.
    ///
    /// # Errors
    /// If none has a file: says what was looked for, what is there, and the remedy; if some of the parts
    /// `-00000-of-00002` of a file are missing; or if a file cannot be fetched.
    pub fn find_all(&self, candidates: &[String]) -> Result<Vec<PathBuf>> {
        if let Location::Files(files) = &self.place {
            let named = files.iter().find(|(name, _)| candidates.contains(name));
            let (_, paths) =
                named.with_context(|| format!("expected {}, found none", listed(candidates, LISTED)))?;
            return Ok(paths.clone());
        }
        let there = match &self.place {
            Location::Files(_) => Vec::new(),
            Location::Folder(folder) => files_beside(folder, candidates),
            Location::Hub(hub, repo, _) => hub.files(repo)?,
        };
        let found = select(&there, candidates).map_err(|why| anyhow!("{self}: {why}"))?;
        let Some(found) = found else { bail!("{}", self.nothing(candidates, &there)) };
        match &self.place {
            Location::Folder(folder) => Ok(found.into_iter().map(|path| folder.join(path)).collect()),
            Location::Hub(hub, repo, _) => found.into_iter().map(|path| hub.fetch(repo, path)).collect(),
            Location::Files(_) => Ok(Vec::new()),
        }
    }

    /// Says that none of `candidates` is among the files `there`.
    fn nothing(&self, candidates: &[String], there: &[String]) -> String {
        let (there, remedy) = match &self.place {
            Location::Folder(folder) => (entries(folder, there), origin::remedy_in_folder(self.task)),
            Location::Hub(_, repo, _) => (there.to_vec(), origin::remedy_on_hub(self.task, &repo.id)),
            Location::Files(_) => (there.to_vec(), origin::remedy_in_folder(self.task)),
        };
        let (wanted, there) = (listed(candidates, LISTED), listed(&there, LISTED));
        format!("{self}: expected one of {wanted}; found {there}; {remedy}")
    }
}

impl fmt::Display for DataSource {
    /// The folder as it was named, or the data set with its commit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Location::Folder(folder) => f.write_str(&shown(folder.display())),
            Location::Hub(_, repo, commit) => write!(f, "{}@{commit}", repo.id),
            Location::Files(files) => {
                let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
                f.write_str(&shown(names.join(", ")))
            }
        }
    }
}

impl fmt::Debug for DataSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataSource({self}, {})", self.task)
    }
}

/// The files of the folders in which `candidates` would be, as paths below `folder`.
fn files_beside(folder: &Path, candidates: &[String]) -> Vec<String> {
    let parent = |candidate: &String| candidate.rsplit_once('/').map_or("", |(parent, _)| parent).to_owned();
    let mut parents: Vec<String> = candidates.iter().map(parent).collect();
    parents.sort_unstable();
    parents.dedup();
    let mut files = Vec::new();
    for parent in parents {
        let below = |name: String| if parent.is_empty() { name } else { format!("{parent}/{name}") };
        let is_file = |name: &String| folder.join(&parent).join(name).is_file();
        files.extend(names(&folder.join(&parent)).into_iter().filter(is_file).map(below));
    }
    files
}

/// Names in a folder for messages: its files and folders, then the files below that were looked at.
fn entries(folder: &Path, below: &[String]) -> Vec<String> {
    let slash = |name: String| if folder.join(&name).is_dir() { name + "/" } else { name };
    let below = below.iter().filter(|file| file.contains('/')).cloned();
    names(folder).into_iter().map(slash).chain(below).collect()
}

/// The names in a folder, sorted; none if there is no such folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests;
