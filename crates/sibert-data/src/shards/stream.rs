//! Documents one after the other, over any number of shards, read at any place.

use std::ops::Range;
use std::sync::Arc;

use memmap2::Mmap;

use super::mapped::{Resident, give_back};

/// Bytes of the mapped files that a stream keeps in the process's memory, about.
const MOST_RESIDENT: usize = 384 << 20;

/// One side of some shards, as one run of ids. Cheap to clone; nothing is read before it is asked for.
#[derive(Clone, Debug)]
pub struct Stream {
    parts: Arc<[Part]>,
    /// The index of each part's first id, and at last the number of ids.
    first_id: Vec<u64>,
    /// The index of each part's first document, and at last the number of documents.
    first_document: Vec<u64>,
    resident: Resident,
}

/// One side of one shard: byte ranges of a mapped file.
#[derive(Clone, Debug)]
pub struct Part {
    pub(super) map: Arc<Mmap>,
    /// Whether ids have two bytes, not four.
    pub(super) narrow: bool,
    pub(super) ids: Range<usize>,
    pub(super) documents: Range<usize>,
    pub(super) sentences: Option<Range<usize>>,
}

impl Stream {
    pub(super) fn new(parts: impl Iterator<Item = Part>) -> Self {
        let parts: Arc<[Part]> = parts.filter(|part| part.documents() > 0).collect();
        let (mut first_id, mut first_document) = (vec![0], vec![0]);
        for (i, part) in parts.iter().enumerate() {
            first_id.push(first_id[i] + part.len());
            first_document.push(first_document[i] + part.documents());
        }
        let mapped = parts.iter().map(|part| part.map.len()).sum();
        Self { parts, first_id, first_document, resident: Resident::new(mapped, MOST_RESIDENT) }
    }

    /// Lets about `most` bytes of the mapped files become resident.
    #[cfg(test)]
    pub fn keeping(self, most: usize) -> Self {
        Self { resident: Resident::new(usize::MAX, most), ..self }
    }

    /// Ids, the separator behind each document included.
    pub fn len(&self) -> u64 {
        self.first_id[self.parts.len()]
    }

    /// Whether there is no document.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Documents; each has at least one id.
    pub fn documents(&self) -> u64 {
        self.first_document[self.parts.len()]
    }

    /// Whether the starts of sentences were kept.
    pub fn has_sentences(&self) -> bool {
        self.parts.iter().all(|part| part.sentences.is_some())
    }

    /// Appends the ids of `range` to `out`. The range must lie in `0..len`.
    pub fn read(&self, range: Range<u64>, out: &mut Vec<u32>) {
        self.note(4 * (range.end - range.start) as usize);
        let Range { mut start, end } = range;
        let mut part = self.first_id.partition_point(|&first| first <= start) - 1;
        while start < end {
            let first = self.first_id[part];
            let stop = end.min(self.first_id[part + 1]);
            self.parts[part].read((start - first) as usize..(stop - first) as usize, out);
            (start, part) = (stop, part + 1);
        }
    }

    /// Where the ids of a document stand, without the separator that follows. It must be below `documents`.
    pub fn document(&self, document: u64) -> Range<u64> {
        let (part, first, own) = self.place(document);
        first + part.document(own)..first + part.document(own + 1) - 1
    }

    /// Where each sentence of a document begins, from sentence number `from` on; nothing if sentences were not kept.
    pub fn sentences(&self, document: u64, from: u64) -> impl Iterator<Item = u64> + '_ {
        let (part, first, own) = self.place(document);
        let end = part.document(own + 1);
        let numbers = part.sentences_before(part.document(own)) + from as usize..part.sentences();
        numbers.map(|number| part.sentence(number)).take_while(move |&at| at < end).map(move |at| first + at)
    }

    /// How many sentences a document has; 0 if they were not kept.
    pub fn sentence_count(&self, document: u64) -> u64 {
        let (part, _, own) = self.place(document);
        (part.sentences_before(part.document(own + 1)) - part.sentences_before(part.document(own))) as u64
    }

    /// Takes note of a read; gives the pages of all parts back when many have been read.
    fn note(&self, bytes: usize) {
        if self.resident.is_full_after(bytes) {
            self.parts.iter().for_each(|part| give_back(&part.map));
        }
    }

    /// The part of a document, the index of the part's first id, and the document's number in the part.
    fn place(&self, document: u64) -> (&Part, u64, u64) {
        let part = self.first_document.partition_point(|&first| first <= document) - 1;
        (&self.parts[part], self.first_id[part], document - self.first_document[part])
    }
}

impl Part {
    fn len(&self) -> u64 {
        (self.ids.len() / if self.narrow { 2 } else { 4 }) as u64
    }

    fn documents(&self) -> u64 {
        (self.documents.len() / 8) as u64 - 1
    }

    fn read(&self, range: Range<usize>, out: &mut Vec<u32>) {
        let ids = &self.map[self.ids.clone()];
        if self.narrow {
            let ids = ids[2 * range.start..2 * range.end].chunks_exact(2);
            out.extend(ids.map(|id| u32::from(u16::from_le_bytes([id[0], id[1]]))));
        } else {
            let ids = ids[4 * range.start..4 * range.end].chunks_exact(4);
            out.extend(ids.map(|id| u32::from_le_bytes([id[0], id[1], id[2], id[3]])));
        }
    }

    fn document(&self, document: u64) -> u64 {
        index(&self.map[self.documents.clone()], document as usize)
    }

    /// Sentences of all documents.
    fn sentences(&self) -> usize {
        self.sentences.as_ref().map_or(0, |place| place.len() / 8)
    }

    /// How many sentences begin before an id.
    fn sentences_before(&self, id: u64) -> usize {
        let (mut low, mut high) = (0, self.sentences());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.sentence(middle) < id { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// Where a sentence begins.
    fn sentence(&self, number: usize) -> u64 {
        self.sentences.clone().map_or(0, |place| index(&self.map[place], number))
    }
}

/// Number `i` of an array of little-endian 64-bit integers.
fn index(bytes: &[u8], i: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[8 * i..8 * i + 8]);
    u64::from_le_bytes(word)
}
