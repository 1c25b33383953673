//! Finding a pair by its number: a place remembered every so often, from where the plan is followed.

use std::ops::Range;

use rayon::prelude::*;

use crate::shards::Stream;

use super::plan::{Cursor, Pair};

/// Pairs from one place that is remembered to the next, at most.
const STRIDE: u64 = 8;
/// Documents that are planned by one thread at a time; the first pair of each such chunk is remembered too.
const CHUNK: u64 = 1024;

/// Remembered places, each with the number of its pair among all.
#[derive(Debug)]
pub struct Anchors {
    places: Vec<(u64, Cursor)>,
    len: u64,
    max_tokens: u64,
    seed: u64,
}

impl Anchors {
    /// Plans all documents, in parallel.
    pub fn new(stream: &Stream, max_tokens: u64, seed: u64) -> Self {
        let documents = stream.documents();
        let chunks = (0..documents.div_ceil(CHUNK)).into_par_iter();
        let chunks: Vec<_> = chunks
            .map(|chunk| chunk * CHUNK..((chunk + 1) * CHUNK).min(documents))
            .map(|documents| places(stream, documents, max_tokens, seed))
            .collect();
        let (mut all, mut len) = (Vec::with_capacity(chunks.iter().map(|(places, _)| places.len()).sum()), 0);
        for (places, count) in chunks {
            all.extend(places.into_iter().map(|(number, place)| (len + number, place)));
            len += count;
        }
        Self { places: all, len, max_tokens, seed }
    }

    /// The number of pairs.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// A pair by its number, which must be below [`Anchors::len`].
    pub fn pair(&self, stream: &Stream, number: u64) -> Pair {
        let anchor = self.places.partition_point(|&(first, _)| first <= number) - 1;
        let (mut first, place) = self.places[anchor];
        let mut plan = place.plan(stream, self.max_tokens, self.seed);
        let mut document = place.document;
        loop {
            match plan.next() {
                Some(pair) if first == number => return pair,
                Some(_) => first += 1,
                None => {
                    document += 1;
                    plan = Cursor::start(document).plan(stream, self.max_tokens, self.seed);
                }
            }
        }
    }
}

/// The places to remember of some documents, with the number of each pair among theirs, and how many pairs they give.
fn places(stream: &Stream, documents: Range<u64>, max_tokens: u64, seed: u64) -> (Vec<(u64, Cursor)>, u64) {
    let (mut places, mut count) = (Vec::new(), 0);
    for document in documents {
        let mut plan = Cursor::start(document).plan(stream, max_tokens, seed);
        while let Some(place) = plan.place() {
            if count % STRIDE == 0 {
                places.push((count, place));
            }
            plan.next();
            count += 1;
        }
    }
    (places, count)
}
