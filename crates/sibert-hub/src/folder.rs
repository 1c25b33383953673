//! The folder of a model: one on this machine, or one in a repository on the hub at one commit.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use sibert_files::bounded;

use crate::{Hub, RepoRef};

/// How a file begins that Git LFS left in place of the real one.
const LFS_POINTER: &[u8] = b"version https://git-lfs";
/// So many names are listed in a message.
const LISTED: usize = 8;

/// A folder with the files of a model.
pub enum ModelFolder {
    /// One on this machine.
    Here(PathBuf),
    /// One on the hub.
    OnHub(Box<RemoteFolder>),
}

/// A folder of a repository at one commit.
pub struct RemoteFolder {
    hub: Hub,
    repo: RepoRef,
    commit: String,
    /// Its path with a slash behind it, or nothing for the whole repository.
    prefix: String,
    /// The paths of all files in the repository.
    files: Vec<String>,
}

impl ModelFolder {
    /// A folder of a repository, or all of it.
    ///
    /// # Errors
    /// If the hub does not give it, or it has no such folder.
    pub fn on_hub(hub: Hub, repo: RepoRef, folder: Option<String>) -> Result<Self> {
        RemoteFolder::open(hub, repo, folder)
    }

    /// Whether it has a file of that name.
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::Here(path) => path.join(name).is_file(),
            Self::OnHub(repo) => repo.files.contains(&repo.inside(name)),
        }
    }

    /// A file on this machine, fetched if need be.
    ///
    /// # Errors
    /// If the hub does not give it.
    pub fn file(&self, name: &str) -> Result<PathBuf> {
        match self {
            Self::Here(path) => Ok(path.join(name)),
            Self::OnHub(repo) => repo.hub.fetch(&repo.repo, &repo.inside(name)),
        }
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// If it cannot be read, or is what Git LFS left in its place; names it.
    pub fn bytes(&self, name: &str) -> Result<Vec<u8>> {
        let bytes = bounded::bytes(&self.file(name)?, bounded::CONFIG);
        let bytes = bytes.with_context(|| format!("cannot read {}", self.shown(name)))?;
        refuse_pointer(&bytes, &self.shown(name))?;
        Ok(bytes)
    }

    /// The text of a file.
    ///
    /// # Errors
    /// As `bytes`; or if it is not UTF-8.
    pub fn text(&self, name: &str) -> Result<String> {
        String::from_utf8(self.bytes(name)?).with_context(|| format!("cannot read {}", self.shown(name)))
    }

    /// A file's whole name for messages.
    pub fn shown(&self, name: &str) -> String {
        match self {
            Self::Here(path) => path.join(name).display().to_string(),
            Self::OnHub(repo) => format!("{}/{}", repo.repo, repo.inside(name)),
        }
    }

    /// The name by which Python's `from_pretrained` finds the model.
    pub fn id(&self) -> String {
        match self {
            Self::Here(path) => path.display().to_string(),
            Self::OnHub(repo) => repo.repo.id.clone(),
        }
    }

    /// The commit on the hub.
    pub fn revision(&self) -> Option<&str> {
        match self {
            Self::Here(_) => None,
            Self::OnHub(repo) => Some(&repo.commit),
        }
    }

    /// The names of its files and, of a folder here, its folders; sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = match self {
            Self::Here(path) => names_in(path),
            Self::OnHub(repo) => {
                let below = repo.files.iter().filter_map(|file| file.strip_prefix(&repo.prefix));
                below.filter(|name| !name.contains('/')).map(str::to_owned).collect()
            }
        };
        names.sort();
        names
    }

    /// The first few of its names, for messages.
    pub fn listing(&self) -> String {
        let names = self.names();
        match names.len() {
            0 => "nothing".into(),
            1..=LISTED => names.join(", "),
            many => format!("{} and {} more", names[..LISTED].join(", "), many - LISTED),
        }
    }
}

/// Refuses what a clone without Git LFS has in place of a file.
///
/// # Errors
/// If the bytes are such a pointer.
pub fn refuse_pointer(bytes: &[u8], shown: &str) -> Result<()> {
    ensure!(
        !bytes.starts_with(LFS_POINTER),
        "{shown} is a pointer of Git LFS, not the file itself: fetch it with `git lfs pull`"
    );
    Ok(())
}

impl RemoteFolder {
    fn open(hub: Hub, repo: RepoRef, folder: Option<String>) -> Result<ModelFolder> {
        let (commit, files) = (hub.commit(&repo)?, hub.files(&repo)?);
        let prefix = folder.map(|folder| format!("{folder}/")).unwrap_or_default();
        if !files.iter().any(|file| file.starts_with(&prefix)) {
            bail!("{repo}: there is no folder `{prefix}` in it: name the folder that holds config.json");
        }
        Ok(ModelFolder::OnHub(Box::new(Self { hub, repo, commit, prefix, files })))
    }

    fn inside(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
