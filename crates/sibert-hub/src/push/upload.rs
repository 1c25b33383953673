//! A file on its way to the hub, on this machine or in memory.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::digest::{git_sha1, sha256};

/// The hub asks for so many bytes of each file.
const SAMPLE: u64 = 512;

/// The bytes of a file.
#[derive(Clone, Debug)]
pub enum Content {
    /// Those of a file on this machine.
    File(PathBuf),
    /// Those at hand.
    Bytes(Vec<u8>),
}

/// A file on its way to the hub.
#[derive(Clone, Debug)]
pub struct Upload {
    /// Its path in the repository, with slashes.
    pub path: String,
    /// Its bytes.
    pub content: Content,
}

impl Upload {
    /// Its length in bytes.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn size(&self) -> Result<u64> {
        match &self.content {
            Content::File(path) => Ok(path.metadata().with_context(|| self.unreadable())?.len()),
            Content::Bytes(bytes) => Ok(bytes.len() as u64),
        }
    }

    /// Its bytes from `start` on, at most `length` of them.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub(super) fn open(&self, start: u64, length: u64) -> io::Result<Box<dyn Read>> {
        Ok(match &self.content {
            Content::File(path) => {
                let mut file = File::open(path)?;
                file.seek(SeekFrom::Start(start))?;
                Box::new(file.take(length))
            }
            Content::Bytes(bytes) => {
                let mut bytes = Cursor::new(bytes.clone());
                bytes.set_position(start);
                Box::new(bytes.take(length))
            }
        })
    }

    /// Its first `length` bytes.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn bytes(&self, length: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = self.open(0, length).and_then(|mut file| file.read_to_end(&mut bytes));
        read.with_context(|| self.unreadable())?;
        Ok(bytes)
    }

    /// Its first bytes, by which the hub tells text from other bytes.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn sample(&self) -> Result<Vec<u8>> {
        self.bytes(SAMPLE)
    }

    /// SHA-256 of a large file, else git's SHA-1.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn digest(&self, large: bool) -> Result<String> {
        let size = self.size()?;
        let file = self.open(0, size).with_context(|| self.unreadable())?;
        let digest = if large { sha256(file) } else { git_sha1(file, size) };
        digest.with_context(|| self.unreadable())
    }

    fn unreadable(&self) -> String {
        match &self.content {
            Content::File(path) => format!("cannot read {}", path.display()),
            Content::Bytes(_) => format!("cannot read {}", self.path),
        }
    }
}
