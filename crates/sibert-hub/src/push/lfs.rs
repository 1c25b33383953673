//! The store of Git LFS: objects go there by their digest, whole or in parts, each once.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{CHUNK, Changed};
use crate::client::{Client, Document, Part};
use crate::event::Event;
use crate::reference::{Kind, RepoRef};

const TYPE: &str = "application/vnd.git-lfs+json";

#[derive(Deserialize)]
struct Batch {
    objects: Vec<Object>,
}

/// An object, and what is left to do about it; without actions the store has it.
#[derive(Deserialize)]
struct Object {
    oid: String,
    actions: Option<Actions>,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Actions {
    upload: Option<Action>,
    verify: Option<Action>,
}

#[derive(Deserialize)]
struct Action {
    href: String,
    header: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Refusal {
    message: String,
}

/// Sends what the store lacks; returns the bytes that were sent, and those that were there.
///
/// # Errors
/// If the hub or its store refuses an object, or cannot be reached.
pub fn store(client: &Client, repo: &RepoRef, files: &[&Changed<'_>]) -> Result<(u64, u64)> {
    let (mut sent, mut kept) = (0, 0);
    let by_digest: BTreeMap<&str, &Changed> =
        files.iter().map(|file| (file.digest.as_str(), *file)).collect();
    let files: Vec<&Changed> = by_digest.values().copied().collect();
    for files in files.chunks(CHUNK) {
        for object in batch(client, repo, files)? {
            let file = by_digest.get(object.oid.as_str()).with_context(|| {
                format!("{repo}: the hub speaks of an object that is not sent: look at HF_ENDPOINT")
            })?;
            let path = &file.upload.path;
            if let Some(refusal) = object.error {
                anyhow::bail!("{repo}: the hub does not take {path}: {}", refusal.message);
            }
            match object.actions {
                Some(Actions { upload: Some(upload), verify }) => {
                    client.tell(Event::Uploading { name: path, size: file.size });
                    let result = send(client, repo, file, &upload, verify.as_ref());
                    client.tell(Event::Ended);
                    result?;
                    sent += file.size;
                }
                _ => kept += file.size,
            }
        }
    }
    Ok((sent, kept))
}

/// Asks where each object goes.
fn batch(client: &Client, repo: &RepoRef, files: &[&Changed<'_>]) -> Result<Vec<Object>> {
    let kind = if repo.kind == Kind::Dataset { "datasets/" } else { "" };
    let url = format!("{}/{kind}{}.git/info/lfs/objects/batch", client.settings().endpoint, repo.id);
    let objects: Vec<Value> =
        files.iter().map(|file| json!({ "oid": file.digest, "size": file.size })).collect();
    let asked = json!({
        "operation": "upload",
        "transfers": ["basic", "multipart"],
        "objects": objects,
        "hash_algo": "sha256",
        "ref": { "name": repo.revision },
    });
    let batch: Batch = post(client, &url, &asked, repo)?;
    Ok(batch.objects)
}

/// Sends an object and lets the hub look at it.
fn send(
    client: &Client,
    repo: &RepoRef,
    file: &Changed<'_>,
    upload: &Action,
    verify: Option<&Action>,
) -> Result<()> {
    match parts(repo, file, upload)? {
        None => drop(put(client, file, &upload.href, 0, file.size)?),
        Some((length, urls)) => {
            let mut parts = Vec::new();
            for (at, url) in urls.iter().enumerate() {
                let start = at as u64 * length;
                let etag = put(client, file, url, start, length.min(file.size - start))?;
                ensure!(
                    !etag.is_empty(),
                    "{}: the store gives part {} no entity tag",
                    file.upload.path,
                    at + 1
                );
                parts.push(json!({ "partNumber": at + 1, "etag": etag }));
            }
            post::<Value>(client, &upload.href, &json!({ "oid": file.digest, "parts": parts }), repo)?;
        }
    }
    if let Some(verify) = verify {
        post::<Value>(client, &verify.href, &json!({ "oid": file.digest, "size": file.size }), repo)?;
    }
    Ok(())
}

/// The length of a part and the addresses of all, in order; none if the object goes whole.
fn parts(repo: &RepoRef, file: &Changed<'_>, upload: &Action) -> Result<Option<(u64, Vec<String>)>> {
    let Some(header) = &upload.header else { return Ok(None) };
    let Some(length) = header.get("chunk_size") else { return Ok(None) };
    let length = length.as_u64().or_else(|| length.as_str()?.parse().ok()).filter(|&length| length > 0);
    let numbered = header.iter().filter_map(|(name, url)| Some((name.parse::<u64>().ok()?, url.as_str()?)));
    let urls: BTreeMap<u64, &str> = numbered.collect();
    let fits = length.filter(|&length| urls.len() as u64 == file.size.div_ceil(length));
    let length = fits.with_context(|| {
        let path = &file.upload.path;
        format!(
            "{repo}: the hub's parts do not make up the {} bytes of {path}: look at HF_ENDPOINT",
            file.size
        )
    })?;
    Ok(Some((length, urls.into_values().map(str::to_owned).collect())))
}

fn put(client: &Client, file: &Changed<'_>, url: &str, start: u64, length: u64) -> Result<String> {
    let part = Part { url, name: &file.upload.path, place: (start, file.size), length };
    client.put(&part, || file.upload.open(start, length))
}

fn post<T: serde::de::DeserializeOwned>(
    client: &Client,
    url: &str,
    asked: &Value,
    repo: &RepoRef,
) -> Result<T> {
    client.post(url, Document { bytes: asked.to_string().as_bytes(), kind: TYPE }, repo)
}
