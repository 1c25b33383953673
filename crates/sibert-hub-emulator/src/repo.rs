//! Repositories: branches, the commits they stand for, and the files of each.

use std::collections::BTreeMap;

use crate::{COMMIT, git_sha1, sha256};

/// The branches of a repository that was there from the start.
const BRANCHES: [&str; 3] = ["main", "v1", "refs/convert/parquet"];

/// A file of a commit.
#[derive(Clone)]
pub struct Stored {
    pub bytes: Vec<u8>,
    /// Whether it is in the store of Git LFS.
    pub large: bool,
}

/// The files of a commit by their paths.
pub type Files = BTreeMap<String, Stored>;

/// A repository.
pub struct Repo {
    pub private: bool,
    /// The commits of the branches.
    pub branches: BTreeMap<String, String>,
    commits: BTreeMap<String, Files>,
}

impl Default for Repo {
    fn default() -> Self {
        let branches = BRANCHES.map(|name| (name.to_owned(), COMMIT.to_owned())).into();
        Self { private: false, branches, commits: [(COMMIT.to_owned(), Files::new())].into() }
    }
}

impl Stored {
    /// The digest by which the hub knows it.
    pub fn oid(&self) -> String {
        if self.large { sha256(&self.bytes) } else { git_sha1(&self.bytes) }
    }
}

impl Repo {
    /// One without files, as it is created.
    pub fn new(private: bool) -> Self {
        let mut repo = Self { private, branches: BTreeMap::new(), commits: BTreeMap::new() };
        repo.commit("main", Files::new());
        repo
    }

    /// Adds a file to the first commit.
    pub fn put(&mut self, path: &str, bytes: &[u8]) {
        let large = path.ends_with(".bin") || path.ends_with(".parquet");
        let files = self.commits.entry(COMMIT.to_owned()).or_default();
        files.insert(path.to_owned(), Stored { bytes: bytes.to_vec(), large });
    }

    /// The commit that a revision stands for, and its files.
    pub fn at(&self, revision: &str) -> Option<(&str, &Files)> {
        let commit = self.branches.get(revision).map_or(revision, String::as_str);
        self.commits.get_key_value(commit).map(|(commit, files)| (commit.as_str(), files))
    }

    /// Lets a branch stand for a new commit with these files; returns its name.
    pub fn commit(&mut self, branch: &str, files: Files) -> String {
        let listing = files.iter().map(|(path, file)| format!("{} {path}\n", file.oid()));
        let parent = self.branches.get(branch).map_or("", String::as_str);
        let commit = git_sha1(format!("{parent}\n{}", listing.collect::<String>()).as_bytes());
        self.commits.insert(commit.clone(), files);
        self.branches.insert(branch.to_owned(), commit.clone());
        commit
    }
}

/// The repository in front of a path, `datasets/OWNER/NAME` or `OWNER/NAME`, and the rest.
pub fn place(path: &str) -> Option<(&str, &str)> {
    let slashes = if path.starts_with("datasets/") { 3 } else { 2 };
    let (at, _) = path.match_indices('/').nth(slashes - 1)?;
    Some((&path[..at], &path[at + 1..]))
}
