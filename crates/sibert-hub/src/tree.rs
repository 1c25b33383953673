//! The files of a commit, as the hub lists them; kept in the cache, for a commit never changes.

use std::collections::{BTreeMap, HashSet};
use std::fs;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::cache::RepoFolder;
use super::client::Client;
use super::digest::Announced;
use super::failure::Subject;
use super::reference::{RepoRef, check_path};

/// No repository is listed on more pages, of a thousand files each.
const MOST_PAGES: usize = 10_000;

/// The version of Python's `huggingface_hub` files of this kind.
const FORMAT_VERSION: u32 = 1;

/// The files of a commit by their paths.
#[derive(Debug, Serialize, Deserialize)]
pub struct Tree {
    format_version: u32,
    files: BTreeMap<String, Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    size: u64,
    blob_id: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    lfs_sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    lfs_size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    xet_hash: Option<String>,
}

/// An entry as the hub sends it.
#[derive(Deserialize)]
struct Sent {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    #[serde(default)]
    oid: String,
    #[serde(default)]
    size: u64,
    lfs: Option<Lfs>,
    #[serde(rename = "xetHash")]
    xet_hash: Option<String>,
}

#[derive(Deserialize)]
struct Lfs {
    oid: String,
    size: u64,
}

impl Tree {
    /// The listing that is in the cache.
    pub fn cached(folder: &RepoFolder, commit: &str) -> Option<Self> {
        let tree: Self = serde_json::from_slice(&fs::read(path(folder, commit)).ok()?).ok()?;
        let is_sound =
            tree.format_version == FORMAT_VERSION && tree.files.keys().all(|path| check_path(path).is_ok());
        is_sound.then_some(tree)
    }

    /// Asks the hub for the files of `commit`, and keeps the answer.
    ///
    /// # Errors
    /// If the hub cannot be asked, lists what could not be kept, or lists it without an end.
    pub fn ask(client: &Client, folder: &RepoFolder, repo: &RepoRef, commit: &str) -> Result<Self> {
        let (endpoint, api) = (&client.settings().endpoint, repo.api_path());
        let mut page = Some(format!("{endpoint}/{api}/tree/{commit}?recursive=true"));
        let (mut files, mut pages) = (BTreeMap::new(), HashSet::new());
        while let Some(url) = page {
            ensure!(
                pages.len() < MOST_PAGES && pages.insert(url.clone()),
                "{url}: the pages of the listing lead in a circle: look at HF_ENDPOINT"
            );
            let (entries, next): (Vec<Sent>, _) = client.json(&url, Subject { repo, path: None })?;
            for entry in entries.into_iter().filter(|entry| entry.kind == "file") {
                check_path(&entry.path).with_context(|| url.clone())?;
                files.insert(entry.path.clone(), Entry::from(entry));
            }
            page = next;
        }
        let tree = Self { format_version: FORMAT_VERSION, files };
        // A cache that cannot be written to serves all the same.
        let _ = serde_json::to_vec(&tree).map(|text| folder.write(&path(folder, commit), &text));
        Ok(tree)
    }

    /// The paths, in order.
    pub fn paths(self) -> Vec<String> {
        let mut paths: Vec<String> = self.files.into_keys().collect();
        paths.sort_unstable();
        paths
    }

    /// The size and digest that the hub announced of a file.
    pub fn announced(&self, path: &str) -> Option<Announced> {
        let entry = self.files.get(path)?;
        let (etag, size) = match (&entry.lfs_sha256, entry.lfs_size) {
            (Some(sha256), size) => (sha256, size.unwrap_or(entry.size)),
            (None, _) => (&entry.blob_id, entry.size),
        };
        Some(Announced { etag: etag.clone(), size: Some(size) })
    }
}

impl From<Sent> for Entry {
    fn from(sent: Sent) -> Self {
        let (lfs_sha256, lfs_size) = sent.lfs.map(|lfs| (lfs.oid, lfs.size)).unzip();
        Self { size: sent.size, blob_id: sent.oid, lfs_sha256, lfs_size, xet_hash: sent.xet_hash }
    }
}

fn path(folder: &RepoFolder, commit: &str) -> std::path::PathBuf {
    folder.path().join("trees").join(format!("{commit}.json"))
}
