//! The digest that the hub announces of a file, and whether a file has it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, Result};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use sibert_files::durable;

/// A file as the hub announces it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// Its entity tag, without quotes: the name of its blob in the cache.
    pub etag: String,
    /// Its length in bytes, where known.
    pub size: Option<u64>,
}

/// How an entity tag was made from the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    /// Large files: SHA-256 of the bytes.
    Sha256,
    /// Small files: SHA-1 as git does it, with the length in front.
    GitBlob,
}

impl Announced {
    /// Whether the entity tag is a digest.
    pub fn has_digest(&self) -> bool {
        method(&self.etag).is_some()
    }

    /// How the file differs from what was announced; `None` if it does not.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn difference(&self, path: &Path) -> Result<Option<String>> {
        let named = || format!("cannot read {}", path.display());
        let length = path.metadata().with_context(named)?.len();
        if let Some(size) = self.size.filter(|&size| size != length) {
            return Ok(Some(format!("expected {size} bytes, found {length}")));
        }
        let Some(method) = method(&self.etag) else { return Ok(None) };
        let found = method.digest(path, length).with_context(named)?;
        let name = if method == Method::Sha256 { "sha256" } else { "git sha1" };
        Ok((found != self.etag).then(|| format!("expected {name} {}, found {found}", self.etag)))
    }
}

fn method(etag: &str) -> Option<Method> {
    let is_hex = etag.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    match etag.len() {
        64 if is_hex => Some(Method::Sha256),
        40 if is_hex => Some(Method::GitBlob),
        _ => None,
    }
}

/// SHA-256 of the bytes.
///
/// # Errors
/// If they cannot be read.
pub fn sha256(bytes: impl Read) -> io::Result<String> {
    durable::digest(Sha256::new(), bytes)
}

/// SHA-1 of `length` bytes as git does it.
///
/// # Errors
/// If they cannot be read.
pub fn git_sha1(bytes: impl Read, length: u64) -> io::Result<String> {
    durable::digest(Sha1::new().chain_update(format!("blob {length}\0")), bytes)
}

impl Method {
    fn digest(self, path: &Path, length: u64) -> io::Result<String> {
        let file = File::open(path)?;
        match self {
            Self::Sha256 => sha256(file),
            Self::GitBlob => git_sha1(file, length),
        }
    }
}

/// An entity tag as a name of a file: without `W/` and quotes; `None` if it could not be one.
pub fn clean_etag(header: &str) -> Option<&str> {
    let etag = header.trim().trim_start_matches("W/").trim_matches('"');
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let fits = !etag.is_empty() && etag.len() <= 128 && !etag.starts_with('.') && etag.bytes().all(is_name);
    fits.then_some(etag)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn difference(bytes: &[u8], etag: &str, size: Option<u64>) -> Option<String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        Announced { etag: etag.into(), size }.difference(file.path()).unwrap()
    }

    #[test]
    fn digests_are_those_of_git_and_sha256sum() {
        // `printf hello | git hash-object --stdin` and `printf hello | sha256sum`.
        let git = "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0";
        let sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        for etag in [git, sha256] {
            assert_eq!(difference(b"hello", etag, Some(5)), None);
            let found = difference(b"hullo", etag, None).unwrap();
            assert!(found.contains(&format!("{etag}, found ")), "{found}");
        }
        assert_eq!(difference(b"hello", git, Some(6)).unwrap(), "expected 6 bytes, found 5");
        assert_eq!(difference(b"anything", "5f-no-digest", None), None);
    }

    #[test]
    fn etags_lose_their_dress_and_never_leave_the_folder() {
        assert_eq!(clean_etag("W/\"abc\""), Some("abc"));
        assert_eq!(clean_etag("\"abc-1\""), Some("abc-1"));
        for bad in ["", "\"\"", "../x", "\"a/b\"", "..", "a b"] {
            assert_eq!(clean_etag(bad), None, "{bad}");
        }
    }
}
