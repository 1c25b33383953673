//! Chunks of documents to chunks of ids.

use std::sync::Mutex;

use anyhow::Result;
use tokenizers::Tokenizer;

use super::chunk::Chunk;
use super::reader::End;
use crate::encode::{Encoder, WordCache};
use crate::sides::hash;

/// Encodes chunks, on any number of threads at once.
pub struct Encoding {
    encoder: Encoder,
    sentences: bool,
    /// Those that no thread is using.
    caches: Mutex<Vec<WordCache>>,
}

/// A chunk's documents, encoded.
#[derive(Debug)]
pub struct Encoded {
    documents: Vec<DocumentEnd>,
    ids: Vec<u32>,
    sentences: Vec<u32>,
    /// The end of the file, if it follows.
    pub end: Option<End>,
}

/// The end of a document among ids and sentences, and the hash that decides its side.
#[derive(Debug)]
struct DocumentEnd {
    hash: u64,
    ids: usize,
    sentences: usize,
}

/// One document.
#[derive(Debug)]
pub struct EncodedDocument<'a> {
    /// Hash of its text.
    pub hash: u64,
    /// Its ids.
    pub ids: &'a [u32],
    /// The index of each sentence's first id, if sentences are kept.
    pub sentences: &'a [u32],
}

impl Encoding {
    /// With the starts of sentences or without.
    ///
    /// # Errors
    /// If the tokenizer cannot be used.
    pub fn new(tokenizer: &Tokenizer, sentences: bool) -> Result<Self> {
        Ok(Self { encoder: Encoder::new(tokenizer)?, sentences, caches: Mutex::default() })
    }

    /// The ids of a chunk.
    ///
    /// # Errors
    /// If the tokenizer fails.
    pub fn encode(&self, chunk: Chunk) -> Result<Encoded> {
        let mut cache = self.caches().pop().unwrap_or_else(|| self.encoder.cache());
        let mut encoded =
            Encoded { documents: Vec::new(), ids: Vec::new(), sentences: Vec::new(), end: chunk.end };
        for document in chunk.documents {
            let Encoded { ids, sentences, .. } = &mut encoded;
            if self.sentences {
                self.encoder.encode_sentences(&document.text, &mut cache, ids, sentences)?;
            } else {
                self.encoder.encode(&document.text, &mut cache, ids)?;
            }
            let place =
                DocumentEnd { hash: hash(&document.text), ids: ids.len(), sentences: sentences.len() };
            encoded.documents.push(place);
        }
        self.caches().push(cache);
        Ok(encoded)
    }

    fn caches(&self) -> std::sync::MutexGuard<'_, Vec<WordCache>> {
        // A thread that panicked left the list as it was.
        self.caches.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Encoded {
    /// Its documents in order.
    pub fn documents(&self) -> impl Iterator<Item = EncodedDocument<'_>> {
        let (mut id, mut sentence) = (0, 0);
        self.documents.iter().map(move |place| {
            let ids = &self.ids[id..place.ids];
            let sentences = &self.sentences[sentence..place.sentences];
            (id, sentence) = (place.ids, place.sentences);
            EncodedDocument { hash: place.hash, ids, sentences }
        })
    }
}
