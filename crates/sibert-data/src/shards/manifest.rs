//! The manifest: what a prepared corpus was made from, and what it must contain to the byte.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sibert_files::durable::{self, FileEntry};

use crate::document_split::DocumentSplit;

use super::Side;

/// Name of the manifest.
pub const MANIFEST: &str = "manifest.json";
/// Name of the record of a preparation that is not finished.
pub const PROGRESS: &str = ".progress.json";
/// Name of the tokenizer.
pub const TOKENIZER: &str = "tokenizer.json";
const FORMAT_VERSION: u32 = 1;

/// Tokens to train on in a shard, unless another number is asked for: 64 MB of ids.
pub const SHARD_TOKENS: u64 = 1 << 25;

/// All that a prepared corpus depends on and consists of; the same input gives the same text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format_version: u32,
    /// How the sources were read.
    pub preparation: Preparation,
    /// The tokenizer's file.
    pub tokenizer: FileEntry,
    /// How it was learned, if it was learned from these documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learned: Option<Learned>,
    /// Rows that an embedding of these ids needs.
    pub vocab_size: usize,
    /// Where the documents came from, in the order given.
    pub sources: Vec<SourceEntry>,
    /// The shards, in the order of the documents.
    pub shards: Vec<ShardEntry>,
    /// Digest of all that stands before it; filled in when it is written.
    #[serde(default)]
    sha256: String,
}

/// How sources become shards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preparation {
    /// Where a document of plain text ends.
    pub documents: DocumentSplit,
    /// The key of a JSON line that holds the text.
    pub field: String,
    /// The column of a parquet file that holds the text.
    pub column: String,
    /// Whether lines and rows that cannot be read are left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_bad: bool,
    /// Fraction of the documents that is held out.
    pub held_out: f64,
    /// Whether the starts of sentences are kept, which pairs of sentences need.
    pub sentences: bool,
    /// Tokens to train on after which a shard is full.
    pub shard_tokens: u64,
}

/// How a tokenizer was learned from the documents to train on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Learned {
    /// The entries that were asked for; the text may not have given as many.
    pub vocab_size: usize,
    /// Whether it turns text into lower case.
    pub lowercase: bool,
}

/// One source and the files it stood for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceEntry {
    /// The source as it was given.
    pub name: String,
    /// Its share of the tokens to train on, if sources are mixed by weight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// Whether all of it is to evaluate on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub validation: bool,
    /// Its files, in the order read.
    pub files: Vec<InputEntry>,
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputEntry {
    /// The name that the user knows.
    pub name: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

/// One shard: documents of one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardEntry {
    /// Index of the source.
    pub source: usize,
    /// Name of the file.
    pub name: String,
    /// Its size and digest.
    pub file: FileEntry,
    /// Its documents and tokens to train on.
    pub train: Counts,
    /// Its documents and tokens to evaluate on.
    pub held_out: Counts,
}

/// How much text a side of a shard holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Documents.
    pub documents: u64,
    /// Their tokens, without separators.
    pub tokens: u64,
    /// Those that the vocabulary could not spell.
    pub unknown: u64,
}

impl SourceEntry {
    /// The name that people know.
    pub fn shown(&self) -> String {
        if self.validation { format!("{} (validation)", self.name) } else { self.name.clone() }
    }
}

impl Manifest {
    /// The manifest of a corpus without shards yet.
    pub fn new(
        preparation: Preparation,
        tokenizer: FileEntry,
        vocab_size: usize,
        sources: Vec<SourceEntry>,
    ) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            preparation,
            tokenizer,
            learned: None,
            vocab_size,
            sources,
            shards: Vec::new(),
            sha256: String::new(),
        }
    }

    /// Its one text, with its digest.
    ///
    /// # Errors
    /// Never in practice: all keys are strings.
    pub fn to_json(&self) -> Result<String> {
        let sealed = Self { sha256: self.own_sha256()?, ..self.clone() };
        Ok(serde_json::to_string_pretty(&sealed)? + "\n")
    }

    fn own_sha256(&self) -> Result<String> {
        let open = Self { sha256: String::new(), ..self.clone() };
        Ok(format!("{:x}", Sha256::digest(serde_json::to_string(&open)?)))
    }

    /// The manifest of a folder of shards.
    ///
    /// # Errors
    /// If the manifest is missing, damaged or of another version.
    pub fn read(folder: &Path) -> Result<Self> {
        let shown = folder.display();
        let text = fs::read_to_string(folder.join(MANIFEST));
        let text = text.map_err(|error| anyhow!("{shown}: {}", durable::unreadable(MANIFEST, &error)))?;
        let damaged = || format!("{shown}/{MANIFEST} is damaged");
        let version: Version = serde_json::from_str(&text).with_context(damaged)?;
        ensure!(
            version.format_version == FORMAT_VERSION,
            "{shown}/{MANIFEST} has format_version {}, this program reads {FORMAT_VERSION}",
            version.format_version
        );
        let manifest: Self = serde_json::from_str(&text).with_context(damaged)?;
        ensure!(
            manifest.sha256 == manifest.own_sha256()?,
            "{shown}/{MANIFEST} was changed after it was written"
        );
        let sources = manifest.sources.len();
        ensure!(manifest.shards.iter().all(|shard| shard.source < sources), damaged());
        Ok(manifest)
    }

    /// Digest of the digests of all files.
    pub fn sha256(&self) -> String {
        let shards = self.shards.iter().map(|shard| &shard.file);
        let sha256 = |hasher: Sha256, file: &FileEntry| hasher.chain_update(&file.sha256);
        format!("{:x}", [&self.tokenizer].into_iter().chain(shards).fold(Sha256::new(), sha256).finalize())
    }

    /// The sources to train on, which are the first ones.
    pub fn to_train_on(&self) -> &[SourceEntry] {
        &self.sources[..self.sources.iter().take_while(|source| !source.validation).count()]
    }

    /// Whether there is to be text to evaluate on.
    pub fn has_held_out(&self) -> bool {
        self.preparation.held_out > 0. || self.to_train_on().len() < self.sources.len()
    }

    /// The counts of all shards, or those of one source, on a side.
    pub fn counts(&self, source: Option<usize>, side: Side) -> Counts {
        let of_source = |shard: &&ShardEntry| source.is_none_or(|source| shard.source == source);
        self.shards.iter().filter(of_source).fold(Counts::default(), |sum, shard| {
            let counts = match side {
                Side::Train => shard.train,
                Side::HeldOut => shard.held_out,
            };
            Counts {
                documents: sum.documents + counts.documents,
                tokens: sum.tokens + counts.tokens,
                unknown: sum.unknown + counts.unknown,
            }
        })
    }
}

#[derive(Deserialize)]
struct Version {
    format_version: u32,
}
