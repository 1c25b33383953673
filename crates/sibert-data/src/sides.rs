//! The held-out rule: which documents are for evaluation only.
//!
//! A document is judged by a hash of its text alone: it stays on its side when other documents come or go and whatever
//! the seed is, and a copy of it never stands on the other side.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::order::mix;
use super::shards::Side;

/// Documents whose hash lies below it are held out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound(u64);

impl Bound {
    /// The bound that holds out a fraction of the documents, or none of them.
    ///
    /// # Errors
    /// If `fraction` is outside `[0, 1)`.
    pub fn new(fraction: f64) -> Result<Self> {
        ensure!(
            (0. ..1.).contains(&fraction),
            "held_out {fraction} is not a fraction of 0 or more and below 1; the default is 0.02"
        );
        let least = u64::from(fraction > 0.); // which is not nothing
        Ok(Self(((fraction * u64::MAX as f64) as u64).max(least)))
    }

    /// The side of a document of this [`hash`].
    pub fn side(self, hash: u64) -> Side {
        if hash < self.0 { Side::HeldOut } else { Side::Train }
    }
}

/// The lowest and the highest hash of the documents seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extremes {
    lowest: u64,
    highest: u64,
}

impl Default for Extremes {
    fn default() -> Self {
        Self { lowest: u64::MAX, highest: 0 }
    }
}

impl Extremes {
    /// Takes note of a document.
    pub fn add(&mut self, hash: u64) {
        self.lowest = self.lowest.min(hash);
        self.highest = self.highest.max(hash);
    }

    /// `bound`, moved just as far as it takes for both sides to have a document; one that holds nothing out stays.
    ///
    /// # Errors
    /// If no two different documents were seen.
    pub fn settle(self, bound: Bound) -> Result<Bound> {
        ensure!(self.lowest <= self.highest, "no text found, only blank lines and empty texts");
        if bound == Bound(0) {
            return Ok(bound);
        }
        ensure!(
            self.lowest < self.highest,
            "the corpus is too small to hold a part out: expected at least 2 different documents, found 1 \
             (documents = \"blank_line\" and \"per_line\" cut finer than \"per_file\"; held_out = 0 holds nothing out)"
        );
        Ok(Bound(bound.0.clamp(self.lowest + 1, self.highest)))
    }
}

/// FNV-1a, finished by [`mix`]: fixed for ever, unlike the standard library's hasher.
pub fn hash(text: &str) -> u64 {
    let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    mix(text.bytes().fold(0xcbf2_9ce4_8422_2325, fnv))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::source::Document;

    /// A corpus judged document by document, as a preparation does it.
    #[derive(Debug)]
    struct Split {
        train: Vec<Document>,
        held_out: Vec<Document>,
    }

    impl Split {
        fn new(documents: Vec<Document>, fraction: f64) -> Result<Self> {
            let bound = Bound::new(fraction)?;
            let mut extremes = Extremes::default();
            documents.iter().for_each(|document| extremes.add(hash(&document.text)));
            let bound = extremes.settle(bound)?;
            let (held_out, train) =
                documents.into_iter().partition(|document| bound.side(hash(&document.text)) == Side::HeldOut);
            Ok(Self { train, held_out })
        }
    }

    fn documents(count: usize) -> Vec<Document> {
        (0..count).map(|i| Document { text: format!("document number {i}") }).collect()
    }

    #[test]
    fn the_fraction_is_held_out_and_nothing_is_lost_or_shared() {
        let split = Split::new(documents(20_000), 0.02).unwrap();
        assert!(split.held_out.len().abs_diff(400) < 60, "{}", split.held_out.len());
        let mut all: Vec<_> = split.train.iter().chain(&split.held_out).map(|d| d.text.clone()).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 20_000);
    }

    #[test]
    fn a_document_keeps_its_side_when_others_are_added() {
        let small = Split::new(documents(5000), 0.02).unwrap();
        let large = Split::new(documents(10_000), 0.02).unwrap();
        assert!(small.held_out.iter().all(|document| large.held_out.contains(document)));
        assert!(small.train.iter().all(|document| large.train.contains(document)));
    }

    #[test]
    fn the_bound_moves_no_further_than_it_must() {
        let bound = Bound::new(0.5).unwrap();
        let settled = |hashes: &[u64]| {
            let mut extremes = Extremes::default();
            hashes.iter().for_each(|&hash| extremes.add(hash));
            extremes.settle(bound).unwrap()
        };
        let middle = 1 << 63;
        assert_eq!(settled(&[7, middle]), bound);
        let high = settled(&[middle + 9, middle + 3, middle + 4]);
        assert_eq!([middle + 3, middle + 4].map(|hash| high.side(hash)), [Side::HeldOut, Side::Train]);
        let low = settled(&[5, 8, 2]);
        assert_eq!([2, 5, 8].map(|hash| low.side(hash)), [Side::HeldOut, Side::HeldOut, Side::Train]);
    }

    #[test]
    fn copies_of_a_document_stay_together() {
        let twice = [documents(1000), documents(1000)].concat();
        let split = Split::new(twice, 0.5).unwrap();
        assert!(split.train.iter().all(|document| !split.held_out.contains(document)));
    }

    #[test]
    fn both_sides_hold_a_document_however_small_the_corpus() {
        for (count, fraction) in [(2, 0.001), (2, 0.999), (3, 0.02), (10, 0.9999)] {
            let split = Split::new(documents(count), fraction).unwrap();
            assert!(!split.train.is_empty() && !split.held_out.is_empty(), "{count} documents, {fraction}");
        }
    }

    #[test]
    fn nothing_is_held_out_where_that_is_asked_for() {
        for count in [1, 1000] {
            let split = Split::new(documents(count), 0.).unwrap();
            assert_eq!((split.train.len(), split.held_out.len()), (count, 0));
        }
        assert_eq!(Split::new(documents(1000), 1e-300).unwrap().held_out.len(), 1);
    }

    #[test]
    fn too_small_corpora_and_wrong_fractions_are_refused() {
        let copies = [documents(1), documents(1)].concat();
        for corpus in [documents(1), copies] {
            let error = Split::new(corpus, 0.02).unwrap_err().to_string();
            assert!(error.contains("expected at least 2 different documents"), "{error}");
        }
        assert!(Split::new(documents(0), 0.02).unwrap_err().to_string().starts_with("no text found"));
        for fraction in [1., -1., f64::NAN] {
            assert!(Split::new(documents(5), fraction).unwrap_err().to_string().starts_with("held_out "));
        }
    }
}
