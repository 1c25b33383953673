//! Counts of a prepared text: how long its documents are, how often each id occurs.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::shards::Stream;

/// Ids counted at a time.
const BLOCK: u64 = 1 << 20;

/// How many documents have each length.
#[derive(Clone, Debug)]
pub struct Lengths(BTreeMap<u64, u64>);

impl Lengths {
    /// Counts the documents of a stream.
    pub fn of(stream: &Stream) -> Self {
        let mut lengths = BTreeMap::new();
        for document in 0..stream.documents() {
            let place = stream.document(document);
            *lengths.entry(place.end - place.start).or_default() += 1;
        }
        Self(lengths)
    }

    /// The smallest length that a share `q` of the documents does not exceed; 0 without documents.
    pub fn quantile(&self, q: f64) -> u64 {
        let all: u64 = self.0.values().sum();
        let mut left = (q * all as f64).ceil().max(1.) as u64;
        for (&length, &count) in &self.0 {
            if count >= left {
                return length;
            }
            left -= count;
        }
        0
    }
}

/// How often each id occurs, and last how many are no ids of the vocabulary.
pub fn frequencies(stream: &Stream, vocab_size: usize) -> Vec<u64> {
    let blocks = 0..stream.len().div_ceil(BLOCK);
    let count = |mut counts: Vec<u64>, block: u64| {
        let mut ids = Vec::new();
        stream.read(block * BLOCK..((block + 1) * BLOCK).min(stream.len()), &mut ids);
        ids.iter().for_each(|&id| counts[(id as usize).min(vocab_size)] += 1);
        counts
    };
    let none = || vec![0; vocab_size + 1];
    let add = |mut sum: Vec<u64>, counts: Vec<u64>| {
        sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        sum
    };
    blocks.into_par_iter().fold(none, count).reduce(none, add)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::shards::{Shards, Side, fixture};

    fn stream(documents: Vec<Vec<u32>>) -> Stream {
        let folder = tempfile::tempdir().unwrap();
        fixture::write(folder.path(), &[documents], 100);
        Shards::open(folder.path()).unwrap().stream(None, Side::Train)
    }

    #[test]
    pub fn quantiles_are_those_of_the_sorted_lengths() {
        let lengths = Lengths::of(&stream((1..=10).map(|length| vec![7; length]).collect()));
        assert_eq!([0., 0.1, 0.5, 0.9, 1.].map(|q| lengths.quantile(q)), [1, 1, 5, 9, 10]);
        assert_eq!(Lengths::of(&stream(vec![])).quantile(0.5), 0);
    }

    #[test]
    fn every_id_is_counted_also_across_blocks() {
        let long = BLOCK as usize + 10;
        let counts = frequencies(&stream(vec![vec![7; long], vec![8, 7]]), 100);
        assert_eq!((counts[7], counts[8], counts[3]), (long as u64 + 1, 1, 2), "two separators");
        assert_eq!(counts[100], 0);
        let few = frequencies(&stream(vec![vec![7, 8, 90]]), 8);
        assert_eq!((few[7], few[8]), (1, 2), "two are not below 8");
    }
}
