//! Documents that are encoded at a time.

use anyhow::Result;

use super::reader::{End, Read, Reader};
use crate::source::Document;

/// A chunk ends with the document that makes it as large as this, in bytes.
const CHUNK: usize = 1 << 18;

/// Successive documents of one file.
#[derive(Debug, Default)]
pub struct Chunk {
    /// The documents.
    pub documents: Vec<Document>,
    /// The end of the file, if it follows the last of them.
    pub end: Option<End>,
}

/// The next documents, and their size in bytes; `None` behind the last.
///
/// # Errors
/// If they cannot be read.
pub fn next(reader: &mut Reader) -> Result<Option<(Chunk, usize)>> {
    let (mut chunk, mut bytes) = (Chunk::default(), 0);
    while bytes < CHUNK {
        match reader.read()? {
            Some(Read::Document(document)) => {
                bytes += document.text.len();
                chunk.documents.push(document);
            }
            Some(Read::End(end)) => {
                chunk.end = Some(end);
                return Ok(Some((chunk, bytes)));
            }
            None => return Ok(None),
        }
    }
    Ok(Some((chunk, bytes)))
}
