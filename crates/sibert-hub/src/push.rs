//! A commit to a repository of the hub: files are compared, sent where they are new, and named together.
//!
//! ```text
//! POST api/repos/create, …/branch/B     the repository and the branch, if they are not there
//! POST …/preupload/B                    which files git keeps, which the store, and what is there already
//! POST ….git/info/lfs/objects/batch     where the store takes what it lacks: whole, or in parts
//! POST …/commit/B                       all files at once: a reader sees the old commit or the new one
//! ```
//! Objects that the store has are not sent again, so a push that was stopped goes on where it was.

mod lfs;
#[cfg(test)]
mod tests;
mod upload;

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};
use base64::prelude::{BASE64_STANDARD, Engine};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::{Client, Document};
use crate::failure::{Failure, nobody};
use crate::reference::{DEFAULT_REVISION, Kind, RepoRef, check_path};
use crate::{Hub, Info};

pub use upload::{Content, Upload};

/// So many files are asked about at a time.
const CHUNK: usize = 256;

/// Files for a branch of a repository. Others that are there stay.
#[derive(Clone, Copy, Debug)]
pub struct Push<'a> {
    /// The repository and, as its revision, the branch; both are made if they are not there.
    pub repo: &'a RepoRef,
    /// Whether a new repository is private.
    pub private: bool,
    /// The first line of the commit.
    pub message: &'a str,
    /// The files.
    pub files: &'a [Upload],
}

/// A push that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The branch's commit.
    pub commit: String,
    /// The page of the branch.
    pub url: String,
    /// Files that are new or other than before; without any, nothing was committed.
    pub changed: usize,
    /// Bytes that went to the store.
    pub sent: u64,
    /// Bytes of changed files that the store had already.
    pub kept: u64,
}

/// A file that is new or other than the branch has it.
struct Changed<'a> {
    upload: &'a Upload,
    size: u64,
    /// SHA-256 of a large one, else git's SHA-1.
    digest: String,
    large: bool,
}

/// The hub's word on a file that is to come.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mode {
    path: String,
    upload_mode: String,
    #[serde(default)]
    should_ignore: bool,
    /// The digest of the file that is there.
    oid: Option<String>,
}

#[derive(Deserialize)]
struct Modes {
    files: Vec<Mode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Committed {
    commit_oid: String,
}

impl Hub {
    /// Commits files to a branch; what is there already is not sent.
    ///
    /// A push that was stopped is repeated as it was: the store keeps what arrived.
    ///
    /// # Errors
    /// If a file cannot be read; if the hub is offline, is not told who pushes, refuses, or cannot be reached. No error
    /// holds the token.
    pub fn push(&self, push: &Push<'_>) -> Result<Pushed> {
        let (repo, settings) = (push.repo, self.settings());
        ensure!(repo.id.contains('/'), "{repo}: expected OWNER/NAME");
        ensure!(!repo.is_pinned(), "{repo}: a commit never changes: name a branch");
        ensure!(!settings.offline, "{repo}: {} is set: unset it to push", settings.offline_by);
        if self.client.authorization().is_none() {
            bail!(nobody(repo, &settings.endpoint));
        }
        push.files.iter().try_for_each(|file| check_path(&file.path))?;
        self.make_repository(push)?;
        self.make_branch(push)?;
        let changed = self.changed(push)?;
        let page = if repo.revision == DEFAULT_REVISION {
            String::new()
        } else {
            format!("/tree/{}", repo.url_revision())
        };
        let kind = if repo.kind == Kind::Dataset { "datasets/" } else { "" };
        let url = format!("{}/{kind}{}{page}", settings.endpoint, repo.id);
        if changed.is_empty() {
            return Ok(Pushed { commit: self.ask_commit(repo)?, url, changed: 0, sent: 0, kept: 0 });
        }
        let large: Vec<&Changed> = changed.iter().filter(|file| file.large).collect();
        let (sent, kept) = lfs::store(&self.client, repo, &large)?;
        let body = commit_lines(push.message, &changed)?;
        let document = Document { bytes: &body, kind: "application/x-ndjson" };
        let committed: Committed = self.client.post(&self.api(repo, "commit"), document, repo)?;
        Ok(Pushed { commit: committed.commit_oid, url, changed: changed.len(), sent, kept })
    }

    /// The address of an action on the branch.
    fn api(&self, repo: &RepoRef, action: &str) -> String {
        format!("{}/{}/{action}/{}", self.settings().endpoint, repo.api_path(), repo.url_revision())
    }

    /// Makes the repository, if it is not there. A token that may not make one may still change this one.
    fn make_repository(&self, push: &Push<'_>) -> Result<()> {
        let (repo, endpoint) = (push.repo, &self.settings().endpoint);
        let (owner, name) = repo.id.split_once('/').unwrap_or(("", &repo.id));
        let kind = if repo.kind == Kind::Dataset { "dataset" } else { "model" };
        let mut asked = json!({ "name": name, "organization": owner, "type": kind });
        if push.private {
            asked["private"] = true.into();
        }
        let made = post_json::<Value>(&self.client, &format!("{endpoint}/api/repos/create"), &asked, repo);
        let Err(error) = made else { return Ok(()) };
        let exists = match error.downcast_ref() {
            Some(Failure::Conflict(_)) => true,
            Some(Failure::Forbidden(_)) => self.exists(repo),
            _ => false,
        };
        if exists && push.private {
            self.client.note(format!("{repo} is there already: whether it is private does not change"));
        }
        if exists { Ok(()) } else { Err(error) }
    }

    fn exists(&self, repo: &RepoRef) -> bool {
        let url = format!("{}/{}", self.settings().endpoint, repo.api_path());
        self.client.json::<Info>(&url, crate::failure::Subject { repo, path: None }).is_ok()
    }

    /// Makes the branch where `main` is, if it is not there.
    fn make_branch(&self, push: &Push<'_>) -> Result<()> {
        let repo = push.repo;
        if repo.revision == DEFAULT_REVISION || repo.revision.starts_with("refs/") {
            return Ok(());
        }
        match post_json::<Value>(&self.client, &self.api(repo, "branch"), &json!({}), repo) {
            Err(error) if !matches!(error.downcast_ref(), Some(Failure::Conflict(_))) => Err(error),
            _ => Ok(()),
        }
    }

    /// The files that are new or other than before.
    fn changed<'a>(&self, push: &Push<'a>) -> Result<Vec<Changed<'a>>> {
        let mut changed = Vec::new();
        for files in push.files.chunks(CHUNK) {
            let described = files.iter().map(|file| {
                let sample = BASE64_STANDARD.encode(file.sample()?);
                Ok(json!({ "path": file.path, "sample": sample, "size": file.size()? }))
            });
            let asked = json!({ "files": described.collect::<Result<Vec<_>>>()? });
            let modes: Modes = post_json(&self.client, &self.api(push.repo, "preupload"), &asked, push.repo)?;
            let modes: HashMap<_, _> =
                modes.files.into_iter().map(|mode| (mode.path.clone(), mode)).collect();
            for upload in files {
                let mode = modes.get(&upload.path).with_context(|| {
                    format!(
                        "{}: the hub does not say how to send {}: look at HF_ENDPOINT",
                        push.repo, upload.path
                    )
                })?;
                changed.extend(self.change(push, upload, mode)?);
            }
        }
        Ok(changed)
    }

    /// The change that a file makes, if it makes one.
    fn change<'a>(&self, push: &Push<'a>, upload: &'a Upload, mode: &Mode) -> Result<Option<Changed<'a>>> {
        if mode.should_ignore {
            let repo = push.repo;
            self.client.note(format!("{repo}: leaving out {}: its .gitignore has it", upload.path));
            return Ok(None);
        }
        let size = upload.size()?;
        let large = mode.upload_mode != "regular" && size > 0;
        let digest = upload.digest(large)?;
        let same = mode.oid.as_ref() == Some(&digest);
        Ok((!same).then_some(Changed { upload, size, digest, large }))
    }
}

/// Sends JSON and reads the JSON that comes back.
fn post_json<T: serde::de::DeserializeOwned>(
    client: &Client,
    url: &str,
    asked: &Value,
    repo: &RepoRef,
) -> Result<T> {
    let bytes = asked.to_string();
    client.post(url, Document { bytes: bytes.as_bytes(), kind: "application/json" }, repo)
}

/// The commit, an operation a line.
fn commit_lines(message: &str, changed: &[Changed<'_>]) -> Result<Vec<u8>> {
    let mut lines =
        json!({ "key": "header", "value": { "summary": message, "description": "" } }).to_string();
    for Changed { upload, size, digest, large } in changed {
        let path = &upload.path;
        let line = if *large {
            json!({ "key": "lfsFile", "value": { "path": path, "algo": "sha256", "oid": digest, "size": size } })
        } else {
            let content = BASE64_STANDARD.encode(upload.bytes(*size)?);
            json!({ "key": "file", "value": { "content": content, "path": path, "encoding": "base64" } })
        };
        lines += &format!("\n{line}");
    }
    Ok(lines.into_bytes())
}
