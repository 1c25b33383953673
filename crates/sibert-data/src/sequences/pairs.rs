//! Pairs of sentences for next-sentence prediction, as BERT's `create_pretraining_data.py` makes them.
//!
//! ```text
//! of a document, once for the run:
//!     target ← L − 3, with probability 0.1 any of 2 ..= L − 3
//!     until its sentences are used up:
//!         chunk ← the next sentences, until they have `target` tokens or the document ends
//!         A ← the first of them, 1 ..= len(chunk) − 1 (or the only one)
//!         if the chunk has one sentence, or with probability 0.5:
//!             B is drawn; the sentences after A go back to the document
//!         else:
//!             B ← the other sentences of the chunk
//! of a pair, at each visit:
//!     if B is drawn:
//!         other ← a document, drawn up to 10 times until it is not this one
//!         B ← sentences of `other` from any of them on, until A and B have `target` tokens or it ends
//!     while A and B have more than L − 3 tokens:
//!         the longer one, B if they are equal, loses its first or its last token
//!     [CLS] A [SEP] B [SEP], of segments 0 0 0 1 1; label 1 if B was drawn, 0 if it follows A
//! ```
//!
//! BERT fixes what it draws in its files, ten times over; here the drawn halves are new at every visit. In a corpus of
//! one document they come from that document, as in BERT.

use std::ops::Range;

use crate::random::Stream as Draws;
use crate::shards::Stream;

use super::anchors::Anchors;
use super::plan::{Next, Pair};
use super::{Layout, Row};

/// Draws of another document before the same one is taken.
const TRIES: usize = 10;

/// The pairs of a stream.
#[derive(Debug)]
pub struct Pairs(Anchors);

/// Fair decisions, 64 to a draw.
struct Coins<'a> {
    draws: &'a mut Draws,
    bits: u64,
    left: u32,
}

impl Pairs {
    /// Plans the pairs of all documents.
    pub fn new(stream: &Stream, seq_len: usize, seed: u64) -> Self {
        Self(Anchors::new(stream, seq_len as u64 - 3, seed))
    }

    /// The number of pairs.
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// Reads a pair into an empty row.
    pub fn read(&self, stream: &Stream, layout: &Layout, index: u64, draws: &mut Draws, row: &mut Row) {
        let Pair { document, mut a, b } = self.0.pair(stream, index);
        let (mut b, label) = match b {
            Next::Real(ids) => (ids, 0),
            Next::Random(target) => (random_sentences(stream, document, target, draws), 1),
        };
        truncate(&mut a, &mut b, layout.seq_len as u64 - 3, draws);
        row.ids.push(layout.special.cls);
        stream.read(a, &mut row.ids);
        row.ids.push(layout.special.sep);
        row.token_type_ids.resize(row.ids.len(), 0);
        stream.read(b, &mut row.ids);
        row.ids.push(layout.special.sep);
        row.token_type_ids.resize(row.ids.len(), 1);
        row.next_sentence = Some(label);
    }
}

/// Sentences of another document from any of them on, at least one, until they have `target` ids.
fn random_sentences(stream: &Stream, document: u64, target: u64, draws: &mut Draws) -> Range<u64> {
    let mut other = document;
    for _ in 0..TRIES {
        other = draws.below(stream.documents() as usize) as u64;
        if other != document {
            break;
        }
    }
    let first = draws.below(stream.sentence_count(other) as usize) as u64;
    let (whole, mut starts) = (stream.document(other), stream.sentences(other, first));
    let start = starts.next().unwrap_or(whole.start);
    start..starts.find(|&end| end - start >= target).unwrap_or(whole.end)
}

/// Takes ids off the longer half, at either end, until both have `max_tokens` together.
fn truncate(a: &mut Range<u64>, b: &mut Range<u64>, max_tokens: u64, draws: &mut Draws) {
    let len = |ids: &Range<u64>| ids.end - ids.start;
    let mut coins = Coins { draws, bits: 0, left: 0 };
    while len(a) + len(b) > max_tokens {
        let longer = if len(a) > len(b) { &mut *a } else { &mut *b };
        if coins.flip() {
            longer.start += 1;
        } else {
            longer.end -= 1;
        }
    }
}

impl Coins<'_> {
    fn flip(&mut self) -> bool {
        if self.left == 0 {
            (self.bits, self.left) = (self.draws.bits(), u64::BITS);
        }
        let heads = self.bits & 1 == 1;
        self.bits >>= 1;
        self.left -= 1;
        heads
    }
}
