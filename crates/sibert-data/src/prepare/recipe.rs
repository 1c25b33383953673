//! The recipe of a prepared corpus, and how two of them differ.

use std::fmt;
use std::path::Path;

use anyhow::{Result, anyhow, bail};
use serde_json::Value;
use sha2::{Digest, Sha256};
use sibert_files::durable::FileEntry;
use tokenizers::Tokenizer;

use super::inputs::Inputs;
use super::{Existing, Request, TokenizerChoice};
use crate::shards::{InputEntry, Learned, Manifest, Preparation, SourceEntry};

/// Differences that an error names; more are counted.
const MOST: usize = 4;

/// All that decides the bytes of the shards. Weights do not.
#[derive(Debug)]
pub struct Recipe {
    preparation: Preparation,
    tokenizer: Origin,
    sources: Vec<SourceEntry>,
}

/// Where a tokenizer came from.
#[derive(Debug, PartialEq)]
enum Origin {
    /// From a file of this digest.
    Given(String),
    /// From the documents.
    Learned(Learned),
}

impl Recipe {
    /// The recipe that a request asks for.
    ///
    /// # Errors
    /// If the tokenizer cannot be written down.
    pub fn wanted(request: &Request, inputs: &Inputs) -> Result<Self> {
        let tokenizer = match &request.tokenizer {
            TokenizerChoice::Given(tokenizer) => Origin::Given(entry(&tokenizer_text(tokenizer)?).sha256),
            TokenizerChoice::Learn(how) => Origin::Learned(*how),
        };
        let sources = inputs.entries(request);
        Ok(Self { preparation: request.preparation.clone(), tokenizer, sources })
    }

    /// The recipe of a manifest.
    pub fn of(manifest: &Manifest) -> Self {
        let tokenizer = match manifest.learned {
            Some(how) => Origin::Learned(how),
            None => Origin::Given(manifest.tokenizer.sha256.clone()),
        };
        let sources = manifest.sources.clone();
        Self { preparation: manifest.preparation.clone(), tokenizer, sources }
    }

    /// Whether shards in `folder`, which `found` made, are those of this recipe.
    ///
    /// # Errors
    /// If they are not and are to be kept: names what differs.
    pub fn fits(&self, found: &Self, existing: Existing, whose: &str, folder: &Path) -> Result<bool> {
        let differences = self.differences(found)?;
        if differences.is_empty() || existing != Existing::Keep {
            return Ok(differences.is_empty());
        }
        let named = differences.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join("; ");
        let more = match differences.len().saturating_sub(MOST) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        bail!(
            "{} {whose}: {named}{more}: prepare it again with --force, or choose another --out",
            folder.display()
        )
    }

    /// The differences between `found` and this recipe.
    ///
    /// # Errors
    /// Never in practice: all keys are strings.
    pub fn differences(&self, found: &Self) -> Result<Vec<String>> {
        let mut differences = settings(&found.preparation, &self.preparation)?;
        if found.tokenizer != self.tokenizer {
            differences.push(format!("tokenizer {} -> {}", found.tokenizer, self.tokenizer));
        }
        let names =
            |recipe: &Self| recipe.sources.iter().map(SourceEntry::shown).collect::<Vec<_>>().join(", ");
        if names(found) == names(self) {
            let pairs = found.sources.iter().zip(&self.sources);
            differences.extend(pairs.flat_map(|(found, wanted)| files(found, wanted)));
        } else {
            differences.push(format!("sources {} -> {}", names(found), names(self)));
        }
        Ok(differences)
    }
}

/// The keys of the settings that differ; those that are not written down are false.
fn settings(found: &Preparation, wanted: &Preparation) -> Result<Vec<String>> {
    let (found, wanted) = (serde_json::to_value(found)?, serde_json::to_value(wanted)?);
    let keys =
        |settings: &Value| settings.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect();
    let (mut all, of_found): (Vec<String>, Vec<String>) = (keys(&wanted), keys(&found));
    all.extend(of_found.into_iter().filter(|key| wanted.get(key).is_none()));
    let value = |settings: &Value, key: &str| settings.get(key).cloned().unwrap_or(Value::Bool(false));
    let differing = all.into_iter().map(|key| (value(&found, &key), value(&wanted, &key), key));
    let differing = differing.filter(|(found, wanted, _)| found != wanted);
    Ok(differing.map(|(found, wanted, key)| format!("{key} {found} -> {wanted}")).collect())
}

/// How the files of a source differ.
fn files(found: &SourceEntry, wanted: &SourceEntry) -> Vec<String> {
    let missing =
        |from: &SourceEntry, file: &InputEntry| from.files.iter().all(|other| other.name != file.name);
    let mut differences = Vec::new();
    for file in found.files.iter().filter(|file| missing(wanted, file)) {
        differences.push(format!("source file {} is gone", file.name));
    }
    for file in &wanted.files {
        match found.files.iter().find(|other| other.name == file.name) {
            None => differences.push(format!("source file {} is new", file.name)),
            Some(other) if other.sha256 != file.sha256 => differences.push(format!(
                "source file {} changed: sha256 {} -> {}",
                file.name,
                shorten(&other.sha256),
                shorten(&file.sha256)
            )),
            Some(_) => {}
        }
    }
    if differences.is_empty() && found.files != wanted.files {
        differences.push(format!("source {} names its files in another order", found.name));
    }
    differences
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(sha256) => write!(formatter, "of sha256 {}", shorten(sha256)),
            Self::Learned(Learned { vocab_size, lowercase }) => {
                let case = if *lowercase { "lower-case" } else { "cased" };
                write!(formatter, "learned, {vocab_size} entries, {case}")
            }
        }
    }
}

/// The text of `tokenizer.json`.
///
/// # Errors
/// If the tokenizer cannot be written down.
pub fn tokenizer_text(tokenizer: &Tokenizer) -> Result<String> {
    tokenizer.to_string(false).map_err(|error| anyhow!("the tokenizer: {error}"))
}

/// Size and digest of a file of this text.
pub fn entry(text: &str) -> FileEntry {
    FileEntry { size: text.len() as u64, sha256: format!("{:x}", Sha256::digest(text)) }
}

fn shorten(sha256: &str) -> String {
    format!("{}…", sha256.get(..12).unwrap_or(sha256))
}
