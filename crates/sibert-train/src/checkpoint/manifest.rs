//! The manifest: size and SHA-256 of every file of a checkpoint.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{CONFIG, MANIFEST, MODEL, OPTIMIZER, RUN, STATE, TOKENIZER};

const FORMAT_VERSION: u32 = 1;
const FILES: [&str; 6] = [CONFIG, MODEL, TOKENIZER, OPTIMIZER, STATE, RUN];

/// What a checkpoint must contain, to the byte.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    format_version: u32,
    /// `model_type` of `config.json`.
    model_type: String,
    files: BTreeMap<String, FileEntry>,
}

/// Size in bytes and digest of one file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Length in bytes.
    pub size: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// The manifest of the files just written.
    pub fn new(model_type: String, files: BTreeMap<String, FileEntry>) -> Self {
        Self { format_version: FORMAT_VERSION, model_type, files }
    }

    /// The one text of this manifest; another text with the same meaning counts as damaged.
    ///
    /// # Errors
    /// Never in practice: all keys are strings.
    pub fn to_json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

/// Checks every file of a checkpoint against its manifest.
///
/// # Errors
/// One sentence: the file, what was expected and what was found.
pub fn verify(checkpoint: &Path) -> Result<(), String> {
    let manifest = read(checkpoint)?;
    for name in FILES {
        let Some(expected) = manifest.files.get(name) else {
            return Err(format!("{MANIFEST} does not list {name}"));
        };
        verify_file(checkpoint, name, expected)?;
    }
    match model_type(&std::fs::read_to_string(checkpoint.join(CONFIG)).unwrap_or_default()) {
        Some(found) if found == manifest.model_type => Ok(()),
        found => Err(format!(
            "model_type is {} in {MANIFEST} and {} in {CONFIG}",
            manifest.model_type,
            found.unwrap_or_default()
        )),
    }
}

/// `model_type` in the text of a `config.json`.
pub fn model_type(config_json: &str) -> Option<String> {
    let config: serde_json::Value = serde_json::from_str(config_json).ok()?;
    Some(config.get("model_type")?.as_str()?.to_owned())
}

fn read(checkpoint: &Path) -> Result<Manifest, String> {
    let text =
        std::fs::read_to_string(checkpoint.join(MANIFEST)).map_err(|error| unreadable(MANIFEST, &error))?;
    let manifest: Manifest =
        serde_json::from_str(&text).map_err(|error| format!("{MANIFEST} is unreadable: {error}"))?;
    if manifest.format_version != FORMAT_VERSION {
        return Err(format!(
            "{MANIFEST} has format_version {}, this program reads {FORMAT_VERSION}",
            manifest.format_version
        ));
    }
    if manifest.to_json().is_ok_and(|canonical| canonical != text) {
        return Err(format!("{MANIFEST} was changed after it was written"));
    }
    Ok(manifest)
}

fn verify_file(checkpoint: &Path, name: &str, expected: &FileEntry) -> Result<(), String> {
    let mut file = File::open(checkpoint.join(name)).map_err(|error| unreadable(name, &error))?;
    let size = file.metadata().map_err(|error| unreadable(name, &error))?.len();
    if size != expected.size {
        let how = if size < expected.size { "truncated" } else { "too long" };
        return Err(format!("{name} is {how}: {size} bytes, expected {}", expected.size));
    }
    let mut sha256 = Sha256::new();
    io::copy(&mut file, &mut sha256).map_err(|error| unreadable(name, &error))?;
    let found = format!("{:x}", sha256.finalize());
    if found != expected.sha256 {
        return Err(format!(
            "{name} is corrupted: sha256 {}…, expected {}…",
            shorten(&found),
            shorten(&expected.sha256)
        ));
    }
    Ok(())
}

fn unreadable(name: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("{name} is missing"),
        _ => format!("{name} is unreadable: {error}"),
    }
}

fn shorten(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}
