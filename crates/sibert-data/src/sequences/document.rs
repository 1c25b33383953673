//! Sequences that never cross the end of a document; a long document gives several.
//!
//! ```text
//! [CLS] document one, its first L−2 tokens [SEP]
//! [CLS] the rest of document one [SEP] [PAD] [PAD]
//! [CLS] document two [SEP] [PAD] …
//! ```

use std::ops::Range;

use rayon::prelude::*;

use crate::shards::Stream;

use super::{Layout, Row};

/// Documents whose sequences are counted together: one number in memory, and at most so many lengths to look at.
const BLOCK: u64 = 64;

/// The number of the first sequence of each block of documents, and at last the number of sequences.
#[derive(Debug)]
pub struct Blocks(Vec<u64>);

impl Blocks {
    /// Counts the sequences of all documents, in parallel.
    pub fn new(stream: &Stream, seq_len: usize) -> Self {
        let blocks = stream.documents().div_ceil(BLOCK);
        let count = |block: u64| -> u64 {
            documents(stream, block).map(|document| pieces(&stream.document(document), seq_len)).sum()
        };
        let counts: Vec<u64> = (0..blocks).into_par_iter().map(count).collect();
        let mut first = vec![0];
        first.extend(counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        }));
        Self(first)
    }

    /// The number of sequences.
    pub fn len(&self) -> u64 {
        self.0.last().copied().unwrap_or(0)
    }

    /// Reads a sequence into an empty row.
    pub fn read(&self, stream: &Stream, layout: &Layout, index: u64, row: &mut Row) {
        row.ids.push(layout.special.cls);
        stream.read(self.place(stream, layout.seq_len, index), &mut row.ids);
        row.ids.push(layout.special.sep);
    }

    /// Where the ids of a sequence stand.
    fn place(&self, stream: &Stream, seq_len: usize, index: u64) -> Range<u64> {
        let block = self.0.partition_point(|&first| first <= index) - 1;
        let mut piece = index - self.0[block];
        for document in documents(stream, block as u64) {
            let ids = stream.document(document);
            let pieces = pieces(&ids, seq_len);
            if piece < pieces {
                let start = ids.start + piece * (seq_len as u64 - 2);
                return start..ids.end.min(start + seq_len as u64 - 2);
            }
            piece -= pieces;
        }
        unreachable!("sequence {index} is not in the block of documents where it was counted")
    }
}

/// The documents of a block.
fn documents(stream: &Stream, block: u64) -> Range<u64> {
    block * BLOCK..((block + 1) * BLOCK).min(stream.documents())
}

/// Sequences of a document.
fn pieces(ids: &Range<u64>, seq_len: usize) -> u64 {
    (ids.end - ids.start).div_ceil(seq_len as u64 - 2)
}
