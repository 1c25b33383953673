//! What a source is known by, whatever its files are called.

use std::fs::File;
use std::io::Read;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::open::unreadable;
use super::{InputFile, Origin};
use crate::data::builtin;

/// Bytes read at a time.
const BUFFER: usize = 1 << 20;

impl InputFile {
    /// SHA-256 of the bytes on the disk, in hexadecimal; of the built-in corpus, of its texts with a blank line after
    /// each.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn sha256(&self) -> Result<String> {
        let mut hasher = Sha256::new();
        match &self.origin {
            Origin::BuiltIn { seed, sentences } => {
                for document in builtin::documents(*seed, *sentences) {
                    hasher.update(document.text);
                    hasher.update("\n\n");
                }
            }
            Origin::File(path) => {
                let mut file = File::open(path).with_context(|| unreadable(&self.name))?;
                let mut buffer = vec![0; BUFFER];
                loop {
                    let read = file.read(&mut buffer).with_context(|| unreadable(&self.name))?;
                    if read == 0 {
                        break;
                    }
                    hasher.update(&buffer[..read]);
                }
            }
        }
        Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}
