//! The manifest: size and SHA-256 of every file of a checkpoint.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::durable::{self, FileEntry};

use super::{CONFIG, MANIFEST, MODEL, OPTIMIZER, RUN, STATE, TOKENIZER};

const FORMAT_VERSION: u32 = 1;
/// Those it cannot do without.
const FILES: [&str; 6] = [CONFIG, MODEL, TOKENIZER, OPTIMIZER, STATE, RUN];

/// What a checkpoint must contain, to the byte.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    format_version: u32,
    /// `model_type` of `config.json`.
    model_type: String,
    files: BTreeMap<String, FileEntry>,
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
    if let Some(name) = FILES.into_iter().find(|name| !manifest.files.contains_key(*name)) {
        return Err(format!("{MANIFEST} does not list {name}"));
    }
    for (name, expected) in &manifest.files {
        durable::verify(checkpoint, name, expected)?;
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

/// Checks the files of the model against the manifest, if there is one; those of its training may be gone.
///
/// # Errors
/// As [`verify`].
pub fn verify_model(checkpoint: &Path) -> Result<(), String> {
    if !checkpoint.join(MANIFEST).exists() {
        return Ok(());
    }
    let files = read(checkpoint)?.files;
    let mut of_model = files.iter().filter(|(name, _)| !name.contains('/'));
    of_model.try_for_each(|(name, expected)| durable::verify(checkpoint, name, expected))
}

/// `model_type` in the text of a `config.json`.
pub fn model_type(config_json: &str) -> Option<String> {
    let config: serde_json::Value = serde_json::from_str(config_json).ok()?;
    Some(config.get("model_type")?.as_str()?.to_owned())
}

fn read(checkpoint: &Path) -> Result<Manifest, String> {
    let text = std::fs::read_to_string(checkpoint.join(MANIFEST))
        .map_err(|error| durable::unreadable(MANIFEST, &error))?;
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
