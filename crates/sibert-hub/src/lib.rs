//! The Hugging Face hub: the commit of a revision, its files, checked, and new commits.
//!
//! Layout and place of the cache are those of Python's `huggingface_hub`, so both use one cache. Beyond what
//! [`hf_hub`] does, every file is compared with the size and the digest that the hub announced before it gets its
//! name in the cache, and once more when a process first uses it; failures that may pass are waited out; the rest
//! are said in words. Within one [`Hub`] a branch stands for one commit, however long the process runs.

mod cache;
mod client;
mod digest;
mod download;
mod event;
mod failure;
mod folder;
mod push;
pub mod reference;
mod settings;
mod tree;

use std::collections::HashMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use anyhow::{Result, anyhow, bail};
use serde::Deserialize;

use cache::RepoFolder;
use client::Client;
use digest::Announced;
use download::Download;
use failure::{Failure, Subject};
use reference::{check_path, is_commit};
use tree::Tree;

pub use event::{Event, Watch};
pub use folder::{ModelFolder, RemoteFolder, refuse_pointer};
pub use push::{Content, Push, Pushed, Upload};
pub use reference::{RepoRef, parse};
pub use settings::Settings;

/// Larger files are said to be checked, for that takes a while.
const SLOW_TO_CHECK: u64 = 1 << 30;
/// Beyond this distance a name of a file is no slip of the keyboard.
const NEAR_NAME: f64 = 0.7;

/// The hub and its cache.
pub struct Hub {
    client: Client,
    /// The commits of the revisions that were asked for.
    commits: Mutex<HashMap<RepoRef, String>>,
    /// Files that were checked, with their length and time then.
    checked: Mutex<HashMap<PathBuf, (u64, Option<SystemTime>)>>,
}

/// A file in the cache.
enum Found {
    Intact,
    Damaged(String),
    Absent,
}

#[derive(Deserialize)]
struct Info {
    sha: String,
}

impl Hub {
    /// The hub that the environment names; `watch` sees what it does.
    ///
    /// # Errors
    /// If a variable cannot be understood.
    pub fn from_env(watch: impl Fn(Event<'_>) + Send + Sync + 'static) -> Result<Self> {
        Self::new(Settings::from_env()?, watch)
    }

    /// The hub that `settings` name; `watch` sees what it does.
    ///
    /// # Errors
    /// If the certificates they name cannot be read.
    pub fn new(settings: Settings, watch: impl Fn(Event<'_>) + Send + Sync + 'static) -> Result<Self> {
        Ok(Self {
            client: Client::new(settings, Box::new(watch))?,
            commits: Mutex::default(),
            checked: Mutex::default(),
        })
    }

    /// The commit that the revision stands for; a whole commit stands for itself and is not asked for.
    ///
    /// The answer of the cache is taken when the hub is offline or cannot be reached.
    ///
    /// # Errors
    /// If there is no such repository or revision, or the hub cannot be asked and the cache does not know.
    pub fn commit(&self, repo: &RepoRef) -> Result<String> {
        if repo.is_pinned() {
            return Ok(repo.revision.clone());
        }
        let mut commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(commit) = commits.get(repo) {
            return Ok(commit.clone());
        }
        let known = self.folder(repo).commit(&repo.revision);
        let commit = if self.settings().offline {
            known.ok_or_else(|| self.offline(repo, &format!("revision `{}`", repo.revision)))?
        } else {
            self.ask_commit(repo).or_else(|error| self.stand_in(repo, known, error))?
        };
        commits.insert(repo.clone(), commit.clone());
        Ok(commit)
    }

    /// The paths of all files at the revision, sorted.
    ///
    /// Offline, the last listing of the commit is taken, or else what is in the cache.
    ///
    /// # Errors
    /// As [`Self::commit`]; offline, if the cache holds nothing of that commit.
    pub fn files(&self, repo: &RepoRef) -> Result<Vec<String>> {
        let commit = self.commit(repo)?;
        let folder = self.folder(repo);
        if let Some(tree) = Tree::cached(&folder, &commit) {
            return Ok(tree.paths());
        }
        let why = if self.settings().offline {
            self.offline(repo, "a listing")
        } else {
            match Tree::ask(&self.client, &folder, repo, &commit) {
                Ok(tree) => return Ok(tree.paths()),
                Err(error) if is_unreachable(&error) => error,
                Err(error) => return Err(error),
            }
        };
        let files = folder.files(&commit);
        if files.is_empty() {
            return Err(why);
        }
        let count = files.len();
        self.client.note(format!(
            "{repo}: no listing in the cache: taking the files that are there, {count}, perhaps not all"
        ));
        Ok(files)
    }

    /// A local copy of a file, checked against what the hub announced about it.
    ///
    /// # Errors
    /// If the path is none, the hub has no such file, refuses it or cannot be reached and the cache has it not, the
    /// bytes that arrive are not the ones announced, or the cache cannot be written; offline, if the cache has it not.
    pub fn fetch(&self, repo: &RepoRef, path: &str) -> Result<PathBuf> {
        check_path(path).map_err(|why| anyhow!("{repo}: {why}"))?;
        let commit = self.commit(repo)?;
        let folder = self.folder(repo);
        let pointer = folder.pointer(&commit, path);
        match self.look(&folder, &commit, path)? {
            Found::Intact => {
                // A cache that cannot be written to serves all the same.
                let _ = folder.remember(&repo.revision, &commit);
                return Ok(pointer);
            }
            Found::Absent if self.settings().offline => return Err(self.offline(repo, &format!("`{path}`"))),
            Found::Damaged(how) if self.settings().offline => {
                bail!(
                    "{}: {how}: damaged; unset {} to fetch it again",
                    pointer.display(),
                    self.settings().offline_by
                )
            }
            Found::Damaged(how) => {
                self.client.note(format!("{}: {how}: damaged, fetching it again", pointer.display()));
                folder.forget(&pointer)?;
            }
            Found::Absent => {}
        }
        let downloaded = Download::new(&self.client, &folder, repo, &commit, path).run();
        downloaded.map_err(|error| self.explain(repo, path, error))?;
        self.mark(&pointer);
        folder.remember(&repo.revision, &commit)?;
        Ok(pointer)
    }

    /// The file if the cache holds it, intact, for the commit that the revision last stood for; asks nobody.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    #[cfg(test)]
    pub fn cached(&self, repo: &RepoRef, path: &str) -> Result<Option<PathBuf>> {
        let folder = self.folder(repo);
        let commit =
            if repo.is_pinned() { Some(repo.revision.clone()) } else { folder.commit(&repo.revision) };
        let Some(commit) = commit.filter(|_| check_path(path).is_ok()) else { return Ok(None) };
        let found = self.look(&folder, &commit, path)?;
        Ok(matches!(found, Found::Intact).then(|| folder.pointer(&commit, path)))
    }

    fn settings(&self) -> &Settings {
        self.client.settings()
    }

    fn folder(&self, repo: &RepoRef) -> RepoFolder {
        RepoFolder::new(&self.settings().cache, repo, self.settings().links)
    }

    fn ask_commit(&self, repo: &RepoRef) -> Result<String> {
        let (endpoint, api, revision) = (&self.settings().endpoint, repo.api_path(), repo.url_revision());
        let url = format!("{endpoint}/{api}/revision/{revision}");
        let (Info { sha }, _) = self.client.json(&url, Subject { repo, path: None })?;
        if is_commit(&sha) {
            Ok(sha)
        } else {
            bail!("{url}: expected a commit, found `{sha}`: look at HF_ENDPOINT")
        }
    }

    /// The commit that the cache knows, when the hub cannot be reached.
    fn stand_in(&self, repo: &RepoRef, known: Option<String>, error: anyhow::Error) -> Result<String> {
        let Some(commit) = known.filter(|_| is_unreachable(&error)) else { return Err(error) };
        self.client.note(format!(
            "{error}: using {repo} from the cache; with HF_HUB_OFFLINE=1 the hub is not asked"
        ));
        Ok(commit)
    }

    /// Looks a file up in the cache, and at its bytes unless they are known to this process.
    fn look(&self, folder: &RepoFolder, commit: &str, path: &str) -> Result<Found> {
        let pointer = folder.pointer(commit, path);
        let file = pointer.metadata().ok().filter(Metadata::is_file);
        let Some(metadata) = file else { return Ok(Found::Absent) };
        let state = (metadata.len(), metadata.modified().ok());
        if self.checked.lock().unwrap_or_else(PoisonError::into_inner).get(&pointer) == Some(&state) {
            return Ok(Found::Intact);
        }
        let named = folder.etag(&pointer).map(|etag| Announced { etag, size: None });
        let listed = || Tree::cached(folder, commit)?.announced(path);
        if let Some(announced) = named.filter(Announced::has_digest).or_else(listed) {
            if metadata.len() > SLOW_TO_CHECK {
                self.client.note(format!("checking {}", pointer.display()));
            }
            if let Some(difference) = announced.difference(&pointer)? {
                return Ok(Found::Damaged(difference));
            }
        }
        self.mark(&pointer);
        Ok(Found::Intact)
    }

    /// Remembers that a file was found intact.
    fn mark(&self, pointer: &Path) {
        if let Ok(metadata) = pointer.metadata() {
            let state = (metadata.len(), metadata.modified().ok());
            self.checked.lock().unwrap_or_else(PoisonError::into_inner).insert(pointer.to_owned(), state);
        }
    }

    fn offline(&self, repo: &RepoRef, missing: &str) -> anyhow::Error {
        let Settings { cache, offline_by, .. } = self.settings();
        let cache = cache.display();
        anyhow!(
            "{repo}: {offline_by} is set and {missing} is not in the cache {cache}: unset it to download, or set HF_HOME to \
             the cache that has it"
        )
    }

    /// Says what the error means for a file, and which one may have been meant.
    fn explain(&self, repo: &RepoRef, path: &str, error: anyhow::Error) -> anyhow::Error {
        match error.downcast_ref() {
            Some(Failure::Unreachable(why)) => anyhow!("{why}, and the cache does not have `{path}`"),
            Some(Failure::NoFile(why)) => match self.near_name(repo, path) {
                Some(near) => anyhow!("{why}, did you mean `{near}`?"),
                None => anyhow!("{why}"),
            },
            _ => error,
        }
    }

    fn near_name(&self, repo: &RepoRef, path: &str) -> Option<String> {
        let names = self.files(repo).ok()?.into_iter().filter(|name| name != path);
        let rated = names.map(|name| (strsim::jaro_winkler(&name, path), name));
        let near = rated.max_by(|(one, _), (other, _)| one.total_cmp(other));
        near.filter(|(likeness, _)| *likeness > NEAR_NAME).map(|(_, name)| name)
    }
}

fn is_unreachable(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(Failure::Unreachable(_)))
}

#[cfg(test)]
mod tests;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
