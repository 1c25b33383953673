//! A repository's folder in the cache, laid out as Python's `huggingface_hub` does it.
//!
//! ```text
//! models--OWNER--NAME/blobs/ETAG                 the bytes
//! models--OWNER--NAME/snapshots/COMMIT/PATH      a link to them
//! models--OWNER--NAME/refs/REVISION              the commit that a branch or tag stood for when last asked
//! models--OWNER--NAME/trees/COMMIT.json          all the files of a commit
//! .locks/models--OWNER--NAME/ETAG.lock           held while the blob is written
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use hf_hub::{Cache, CacheRepo, Repo, RepoType};

use super::digest::clean_etag;
use super::reference::{Kind, RepoRef, is_commit};

/// The folder of one repository.
pub struct RepoFolder {
    layout: CacheRepo,
    root: PathBuf,
    locks: PathBuf,
    /// Whether links may be made.
    links: bool,
}

/// The repository in the words of `hf_hub`, which knows how folders and urls are made of it.
pub fn hub_repo(repo: &RepoRef) -> Repo {
    let kind = match repo.kind {
        Kind::Model => RepoType::Model,
        Kind::Dataset => RepoType::Dataset,
    };
    Repo::with_revision(repo.id.clone(), kind, repo.revision.clone())
}

impl RepoFolder {
    /// The folder of `repo` in the cache at `cache`, with links to the bytes or copies of them; it need not exist.
    pub fn new(cache: &Path, repo: &RepoRef, links: bool) -> Self {
        let repo = hub_repo(repo);
        let name = repo.folder_name();
        let layout = Cache::new(cache.to_owned()).repo(repo);
        Self { layout, root: cache.join(&name), locks: cache.join(".locks").join(name), links }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// The commit that `revision` stood for when it was last asked for.
    pub fn commit(&self, revision: &str) -> Option<String> {
        let text = fs::read_to_string(self.root.join("refs").join(revision)).ok()?;
        Some(text.trim().to_owned()).filter(|commit| is_commit(commit))
    }

    /// Remembers the commit that `revision` stands for.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn remember(&self, revision: &str, commit: &str) -> Result<()> {
        if revision == commit || self.commit(revision).as_deref() == Some(commit) {
            return Ok(());
        }
        self.write(&self.root.join("refs").join(revision), commit.as_bytes())
    }

    /// Where the link to a file of a commit lies.
    pub fn pointer(&self, commit: &str, path: &str) -> PathBuf {
        path.split('/').fold(self.layout.pointer_path(commit), |folder, part| folder.join(part))
    }

    /// Where the bytes with an entity tag lie.
    pub fn blob(&self, etag: &str) -> PathBuf {
        self.layout.blob_path(etag)
    }

    /// The entity tag of the bytes that a link leads to; `None` if it is no link.
    pub fn etag(&self, pointer: &Path) -> Option<String> {
        let target = fs::read_link(pointer).ok()?;
        clean_etag(target.file_name()?.to_str()?).map(str::to_owned)
    }

    /// Makes `pointer` lead to `blob`; where links are not to be had, a copy stands for it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn point(&self, pointer: &Path, blob: &Path) -> Result<()> {
        let temporary = self.temporary(pointer)?;
        let linked = if self.links { link(blob, &temporary) } else { Err(io::ErrorKind::Unsupported.into()) };
        linked
            .or_else(|_| fs::copy(blob, &temporary).map(drop))
            .and_then(|()| fs::rename(&temporary, pointer))
            .inspect_err(|_| drop(fs::remove_file(&temporary)))
            .map_err(|error| self.unwritable(&error))
    }

    /// Removes a link and the bytes behind it.
    ///
    /// # Errors
    /// If one is there and cannot be removed.
    pub fn forget(&self, pointer: &Path) -> Result<()> {
        let blob = self.etag(pointer).map(|etag| self.blob(&etag));
        for path in blob.as_deref().into_iter().chain([pointer]) {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot remove {}", path.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes a small file so that nobody ever sees half of it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let temporary = self.temporary(path)?;
        fs::write(&temporary, bytes)
            .and_then(|()| fs::rename(&temporary, path))
            .inspect_err(|_| drop(fs::remove_file(&temporary)))
            .map_err(|error| self.unwritable(&error))
    }

    /// A name beside `path` that nobody else uses, in a folder that exists.
    fn temporary(&self, path: &Path) -> Result<PathBuf> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let folder = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder).map_err(|error| self.unwritable(&error))?;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Ok(folder.join(format!(".{}-{count}.tmp", std::process::id())))
    }

    /// Waits for the right to write the blob with this entity tag, after a call of `waiting` if another process has it; the
    /// right ends with the file returned.
    ///
    /// A file system that knows no locks gives none: names of their own and digests protect the cache as well.
    ///
    /// # Errors
    /// If the lock's file cannot be written.
    pub fn lock(&self, etag: &str, waiting: impl FnOnce()) -> Result<Option<File>> {
        let open = || {
            fs::create_dir_all(&self.locks)?;
            let path = self.locks.join(format!("{etag}.lock"));
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
        };
        let file = open().map_err(|error| self.unwritable(&error))?;
        let locked = match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                waiting();
                file.lock().is_ok()
            }
            tried => tried.is_ok(),
        };
        Ok(locked.then_some(file))
    }

    /// The paths of the files of `commit` that are in the cache, in order.
    pub fn files(&self, commit: &str) -> Vec<String> {
        let snapshot = self.layout.pointer_path(commit);
        let mut files = Vec::new();
        let mut folders = vec![snapshot.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if let Ok(relative) = path.strip_prefix(&snapshot) {
                    let parts = relative.iter().map(|part| part.to_string_lossy());
                    files.push(parts.collect::<Vec<_>>().join("/"));
                }
            }
        }
        files.retain(|path| !path.rsplit('/').next().is_some_and(is_temporary));
        files.sort_unstable();
        files
    }

    /// Why nothing can be written here, and what to do.
    pub fn unwritable(&self, error: &io::Error) -> anyhow::Error {
        let advice = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space, or keep",
            _ => "make it writable, or keep",
        };
        let folder = self.root.display();
        anyhow::anyhow!(
            "cannot write to {folder}: {error}: {advice} the hub's files in another folder with HF_HOME"
        )
    }
}

/// Whether a name is one of [`RepoFolder::temporary`], left behind by a process that died.
fn is_temporary(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(".tmp")
}

/// Makes `link` a link to `blob`, relative where both lie in one tree, so that the cache can be moved.
#[cfg(unix)]
fn link(blob: &Path, link: &Path) -> io::Result<()> {
    let folder = link.parent().unwrap_or(link);
    let common = blob.iter().zip(folder).take_while(|(one, other)| one == other).count();
    let up = folder.iter().skip(common).map(|_| "..".as_ref());
    let target: PathBuf = up.chain(blob.iter().skip(common)).collect();
    std::os::unix::fs::symlink(target, link)
}

#[cfg(not(unix))]
fn link(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
