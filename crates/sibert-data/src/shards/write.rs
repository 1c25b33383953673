//! Filling a shard in memory and writing it.

use std::borrow::Cow;
use std::path::Path;

use anyhow::Result;
use safetensors::tensor::{Dtype, View};

use sibert_files::durable::{self, FileEntry};

use super::{Counts, Side, id_bytes};

/// A shard under construction.
#[derive(Debug)]
pub struct Contents {
    /// Its documents and tokens to train on.
    pub train: SideBuffer,
    /// Its documents and tokens to evaluate on.
    pub held_out: SideBuffer,
}

/// The documents of one side of a shard, as they will stand in the file.
#[derive(Debug)]
pub struct SideBuffer {
    id_bytes: usize,
    ids: Vec<u8>,
    documents: Vec<u8>,
    sentences: Option<Vec<u8>>,
    counts: Counts,
}

/// Name of the shard at a place in the manifest.
pub fn shard_name(number: usize) -> String {
    format!("shard-{number:05}.safetensors")
}

impl Contents {
    /// An empty shard of ids below `vocab_size`, with the starts of sentences or without.
    pub fn new(vocab_size: usize, sentences: bool) -> Self {
        Self {
            train: SideBuffer::new(vocab_size, sentences),
            held_out: SideBuffer::new(vocab_size, sentences),
        }
    }

    /// The documents of a side.
    pub fn side(&mut self, side: Side) -> &mut SideBuffer {
        match side {
            Side::Train => &mut self.train,
            Side::HeldOut => &mut self.held_out,
        }
    }

    /// Writes the shard under its final name, which it gets when it is whole and on the disk.
    ///
    /// # Errors
    /// Names the file, and what to do when the disk is full.
    pub fn write(&self, path: &Path) -> Result<FileEntry> {
        let sides = [(Side::Train, &self.train), (Side::HeldOut, &self.held_out)];
        let columns: Vec<(String, Column)> = sides
            .into_iter()
            .flat_map(|(side, buffer)| {
                buffer.columns().map(move |(name, column)| (format!("{}.{name}", side.name()), column))
            })
            .collect();
        let unfinished = durable::unfinished(path);
        let entry = durable::tensors(&unfinished, &columns)?;
        durable::publish(&unfinished, path)?;
        Ok(entry)
    }
}

impl SideBuffer {
    fn new(vocab_size: usize, sentences: bool) -> Self {
        Self {
            id_bytes: id_bytes(vocab_size),
            ids: Vec::new(),
            documents: 0u64.to_le_bytes().to_vec(),
            sentences: sentences.then(Vec::new),
            counts: Counts::default(),
        }
    }

    /// Adds a document and the separator behind it.
    ///
    /// `sentences` are the indices in `ids` of each sentence's first id, beginning with 0; unused where sentences are
    /// not kept. A document without ids is left out, and a sentence without ids too. Ids must be below the
    /// vocabulary's size.
    pub fn push(&mut self, ids: &[u32], sentences: &[u32], separator: u32, unknown: u32) {
        if ids.is_empty() {
            return;
        }
        let start = self.len();
        for id in ids.iter().chain([&separator]) {
            self.ids.extend_from_slice(&id.to_le_bytes()[..self.id_bytes]);
        }
        let end = self.len();
        self.documents.extend_from_slice(&end.to_le_bytes());
        if let Some(starts) = &mut self.sentences {
            for (i, &at) in sentences.iter().enumerate() {
                let next = sentences.get(i + 1).map_or(ids.len(), |&next| next as usize);
                if (at as usize) < next {
                    starts.extend_from_slice(&(start + u64::from(at)).to_le_bytes());
                }
            }
        }
        self.counts.documents += 1;
        self.counts.tokens += ids.len() as u64;
        self.counts.unknown += ids.iter().filter(|&&id| id == unknown).count() as u64;
    }

    /// How much it holds.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Ids so far, separators included.
    fn len(&self) -> u64 {
        (self.ids.len() / self.id_bytes) as u64
    }

    fn columns(&self) -> impl Iterator<Item = (&'static str, Column<'_>)> {
        let dtype = if self.id_bytes == 2 { Dtype::U16 } else { Dtype::U32 };
        let ids = ("ids", Column { dtype, shape: [self.ids.len() / self.id_bytes], bytes: &self.ids });
        let indices = |bytes| Column { dtype: Dtype::U64, shape: [<[u8]>::len(bytes) / 8], bytes };
        let sentences = self.sentences.as_ref().map(|starts| ("sentences", indices(starts)));
        [ids, ("documents", indices(&self.documents))].into_iter().chain(sentences)
    }
}

/// A tensor of one dimension.
struct Column<'a> {
    dtype: Dtype,
    shape: [usize; 1],
    bytes: &'a [u8],
}

impl View for Column<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}
