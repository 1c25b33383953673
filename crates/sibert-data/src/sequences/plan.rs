//! The pairs of one document: where each begins and ends, and whether its second half is to be drawn elsewhere.
//!
//! A function of (seed, document): draw 0 and 1 decide the target, draws `2 + 2j` and `3 + 2j` the pair number `j`, so
//! that the pairs can be followed from any of them on.

use std::collections::VecDeque;
use std::ops::Range;

use crate::random::{Purpose, Stream as Draws};
use crate::shards::Stream;

/// Documents whose pairs are to be short.
pub const SHORT: f64 = 0.1;
/// Pairs whose second half is drawn although the text goes on.
pub const RANDOM_NEXT: f64 = 0.5;

/// One pair before anything is drawn for a visit or truncated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The document it is from.
    pub document: u64,
    /// Where the ids of the first half stand.
    pub a: Range<u64>,
    /// The second half.
    pub b: Next,
}

/// The second half of a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// It follows the first: where its ids stand.
    Real(Range<u64>),
    /// It is to be drawn: ids to gather, unless the other document ends before; none or one sentence at least.
    Random(u64),
}

/// The next pair of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The document.
    pub document: u64,
    /// The sentence in it with which the next pair begins.
    pub sentence: u32,
    /// The number of that pair in the document.
    pub pair: u32,
}

/// The pairs of a document, from some place on.
pub struct Plan<Starts> {
    place: Cursor,
    /// Where the sentences after those of `edges` begin.
    starts: Starts,
    /// Where the next sentences begin, as far as they were looked at; the last may be the end of the document.
    edges: VecDeque<u64>,
    end: u64,
    draws: Draws,
    target: u64,
}

impl Cursor {
    /// The beginning of a document.
    pub fn start(document: u64) -> Self {
        Self { document, sentence: 0, pair: 0 }
    }

    /// The pairs from here to the end of the document, none longer than `max_tokens` by plan.
    pub fn plan(self, stream: &Stream, max_tokens: u64, seed: u64) -> Plan<impl Iterator<Item = u64> + '_> {
        let mut draws = Draws::new(seed, Purpose::Pairs, self.document, 0);
        let (short, length) = (draws.unit() < SHORT, 2 + draws.below(max_tokens as usize - 1) as u64);
        if self.pair > 0 {
            draws.seek(2 + 2 * u64::from(self.pair));
        }
        let mut starts = stream.sentences(self.document, self.sentence.into());
        let edges = starts.next().into_iter().collect();
        let (target, end) = (if short { length } else { max_tokens }, stream.document(self.document).end);
        Plan { place: self, starts, edges, end, draws, target }
    }
}

impl<Starts: Iterator<Item = u64>> Plan<Starts> {
    /// Where the next pair begins; nothing at the end of the document.
    pub fn place(&self) -> Option<Cursor> {
        self.edges.front().is_some_and(|&edge| edge < self.end).then_some(self.place)
    }

    /// Sentences of the next chunk: until they have the target's length or the document ends.
    fn chunk(&mut self) -> usize {
        let mut count = 0;
        loop {
            count += 1;
            if self.edges.len() <= count {
                self.edges.push_back(self.starts.next().unwrap_or(self.end));
            }
            if self.edges[count] == self.end || self.edges[count] - self.edges[0] >= self.target {
                return count;
            }
        }
    }
}

impl<Starts: Iterator<Item = u64>> Iterator for Plan<Starts> {
    type Item = Pair;

    fn next(&mut self) -> Option<Pair> {
        self.place()?;
        let count = self.chunk();
        let a_end = 1 + self.draws.below((count - 1).max(1));
        let drawn = self.draws.unit() < RANDOM_NEXT;
        let a = self.edges[0]..self.edges[a_end];
        let (b, used) = if count == 1 || drawn {
            (Next::Random(self.target.saturating_sub(a.end - a.start)), a_end)
        } else {
            (Next::Real(a.end..self.edges[count]), count)
        };
        self.edges.drain(..used);
        self.place.sentence += used as u32;
        self.place.pair += 1;
        Some(Pair { document: self.place.document, a, b })
    }
}
