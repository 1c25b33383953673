//! The digest by which a source is known, whatever its files are called.

use std::fs::File;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use sibert_files::durable;

use super::open::unreadable;
use super::{Document, InputFile, Origin};
use crate::builtin;

impl InputFile {
    /// SHA-256 of the bytes on the disk, in hexadecimal; of the built-in corpus, of its texts with a blank line after
    /// each.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn sha256(&self) -> Result<String> {
        match &self.origin {
            Origin::BuiltIn { seed, sentences } => {
                let documents = builtin::documents(*seed, *sentences).into_iter();
                let add = |hasher: Sha256, document: Document| hasher.chain_update(document.text + "\n\n");
                Ok(format!("{:x}", documents.fold(Sha256::new(), add).finalize()))
            }
            Origin::File(path) => File::open(path)
                .and_then(|file| durable::digest(Sha256::new(), file))
                .with_context(|| unreadable(&self.name)),
        }
    }
}
