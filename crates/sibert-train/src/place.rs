//! Where a model lies: in a folder here, or in a repository on the hub at one commit.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::bounded;
use crate::checkpoint;
use crate::console::note;
use crate::hub::reference::{Kind, is_hub_spec};
use crate::hub::{Hub, RepoRef, parse};

/// What `--model` takes.
const EXPECTED: &str = "a folder with config.json and model.safetensors, a run's folder, or a model on the hub, \
                        OWNER/NAME[@REVISION] or hf://OWNER/NAME[@REVISION]/FOLDER";
/// How a file begins that Git LFS left in place of the real one.
const LFS_POINTER: &[u8] = b"version https://git-lfs";
/// Beyond this distance a name is no slip of the keyboard.
const NEAR_NAME: f64 = 0.8;
/// So many names are listed in a message.
const LISTED: usize = 8;

/// A folder with the files of a model.
pub enum Place {
    /// One here.
    Folder(PathBuf),
    /// One on the hub.
    Repo(Box<Repo>),
}

/// A folder of a repository at one commit.
pub struct Repo {
    hub: Hub,
    repo: RepoRef,
    commit: String,
    /// Its path with a slash behind it, or nothing for the whole repository.
    prefix: String,
    /// The paths of all files in the repository.
    files: Vec<String>,
}

impl Place {
    /// The place that `model` means; the hub is made only if it is needed.
    ///
    /// # Errors
    /// If there is no such folder and no such model on the hub, saying both; or a checkpoint is damaged.
    pub fn find(model: &str, hub: impl FnOnce() -> Result<Hub>) -> Result<Self> {
        if is_hub_spec(model) {
            let (repo, folder) = parse(model)?;
            ensure!(
                repo.kind == Kind::Model,
                "{model} is a data set: expected a model, hf://OWNER/NAME[@REVISION]"
            );
            return Repo::open(hub()?, repo, folder);
        }
        let path = Path::new(model);
        if path.exists() {
            return Self::folder(path);
        }
        let missing = match near(path) {
            Some(near) => format!("there is no folder `{model}` (did you mean `{}`?)", near.display()),
            None => format!("there is no folder `{model}`"),
        };
        ensure!(!is_path(model) && may_be_on_the_hub(model), "{missing}: expected {EXPECTED}");
        let repo =
            RepoRef::model(model).map_err(|why| anyhow!("{missing}, and no model on the hub: {why}"))?;
        note(format!("{missing}: looking for it on the hub"));
        let found = hub().and_then(|hub| Repo::open(hub, repo, None));
        found.map_err(|why| anyhow!("{missing}; and as a model on the hub: {why:#}"))
    }

    /// A model's folder, or the newest intact checkpoint of a run's.
    ///
    /// # Errors
    /// If it is neither, or a checkpoint is damaged.
    pub fn folder(path: &Path) -> Result<Self> {
        let found = checkpoint::resolve_model_dir(path)?;
        for (path, reason) in &found.skipped {
            note(format!("skipped {}: {reason}", path.display()));
        }
        if found.path != path {
            note(format!("{}: taking {}", path.display(), found.path.display()));
        }
        Ok(Self::Folder(found.path))
    }

    /// A folder of a repository, or all of it.
    ///
    /// # Errors
    /// If the hub does not give it, or it has no such folder.
    pub fn repo(hub: Hub, repo: RepoRef, folder: Option<String>) -> Result<Self> {
        Repo::open(hub, repo, folder)
    }

    /// Whether it has a file of that name.
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::Folder(path) => path.join(name).is_file(),
            Self::Repo(repo) => repo.files.contains(&repo.inside(name)),
        }
    }

    /// A file on this machine, fetched if need be.
    ///
    /// # Errors
    /// If the hub does not give it.
    pub fn file(&self, name: &str) -> Result<PathBuf> {
        match self {
            Self::Folder(path) => Ok(path.join(name)),
            Self::Repo(repo) => repo.hub.fetch(&repo.repo, &repo.inside(name)),
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
            Self::Folder(path) => path.join(name).display().to_string(),
            Self::Repo(repo) => format!("{}/{}", repo.repo, repo.inside(name)),
        }
    }

    /// What Python's `from_pretrained` calls the model.
    pub fn id(&self) -> String {
        match self {
            Self::Folder(path) => path.display().to_string(),
            Self::Repo(repo) => repo.repo.id.clone(),
        }
    }

    /// The commit on the hub.
    pub fn revision(&self) -> Option<&str> {
        match self {
            Self::Folder(_) => None,
            Self::Repo(repo) => Some(&repo.commit),
        }
    }

    /// The names of its files and, of a folder here, its folders; sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = match self {
            Self::Folder(path) => names_in(path),
            Self::Repo(repo) => {
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

impl Repo {
    fn open(hub: Hub, repo: RepoRef, folder: Option<String>) -> Result<Place> {
        let (commit, files) = (hub.commit(&repo)?, hub.files(&repo)?);
        let prefix = folder.map(|folder| format!("{folder}/")).unwrap_or_default();
        if !files.iter().any(|file| file.starts_with(&prefix)) {
            bail!("{repo}: there is no folder `{prefix}` in it: name the folder that holds config.json");
        }
        Ok(Place::Repo(Box::new(Self { hub, repo, commit, prefix, files })))
    }

    fn inside(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

/// Whether a name without an owner is that of a BERT of the hub's first days; all later models have an owner.
fn may_be_on_the_hub(name: &str) -> bool {
    name.contains('/') || name.starts_with("bert-")
}

/// Whether `text` can only be meant as a path.
fn is_path(text: &str) -> bool {
    let slashes = text.split('@').next().unwrap_or_default().matches('/').count();
    text.is_empty()
        || text.starts_with(['.', '/', '~'])
        || text.ends_with('/')
        || text.contains('\\')
        || slashes > 1
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// The folder whose name is most like that of the first part of `path` that does not exist.
fn near(path: &Path) -> Option<PathBuf> {
    let missing =
        path.ancestors().take_while(|part| !part.as_os_str().is_empty() && !part.exists()).last()?;
    let (name, parent) = (missing.file_name()?.to_string_lossy(), missing.parent()?);
    let folder = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let folders = names_in(folder).into_iter().filter(|other| folder.join(other).is_dir());
    let rated = folders.map(|other| (strsim::jaro_winkler(&other, &name), other));
    let (likeness, near) = rated.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    let whole = parent.join(near).join(path.strip_prefix(missing).ok()?);
    let known =
        if whole.exists() { whole.as_path() } else { whole.ancestors().find(|part| part.exists())? };
    (likeness > NEAR_NAME).then(|| known.components().collect())
}

#[cfg(test)]
mod tests;
