//! The held-out split: which documents are for evaluation only.

use anyhow::{Result, ensure};

use super::order::mix;
use super::source::Document;

/// Documents to train on and documents to evaluate on; none is in both.
#[derive(Debug)]
pub struct Split {
    /// Documents to train on.
    pub train: Vec<Document>,
    /// Documents never trained on.
    pub held_out: Vec<Document>,
}

impl Split {
    /// Holds out a fraction of the documents, at least one, and leaves at least one.
    ///
    /// A document is judged by a hash of its text alone: it stays on its side when other documents come or go and
    /// whatever the seed is, and a copy of it never stands on the other side.
    ///
    /// # Errors
    /// If `fraction` is outside `(0, 1)`, or there are no two different documents.
    pub fn new(documents: Vec<Document>, fraction: f64) -> Result<Self> {
        ensure!(
            fraction > 0. && fraction < 1.,
            "held_out {fraction} is not a fraction between 0 and 1; the default is 0.02"
        );
        let count = documents.len();
        let hashed: Vec<(u64, Document)> =
            documents.into_iter().map(|document| (hash(&document.text), document)).collect();
        let lowest = hashed.iter().map(|(hash, _)| *hash).min().unwrap_or(0);
        let highest = hashed.iter().map(|(hash, _)| *hash).max().unwrap_or(0);
        ensure!(
            lowest < highest,
            "the corpus is too small to hold a part out: expected at least 2 different documents, found {} \
             (documents = \"blank_line\" and \"per_line\" cut finer than \"per_file\")",
            count.min(1)
        );
        let bound = (fraction * u64::MAX as f64) as u64;
        let is_held_out = |hash: u64| hash == lowest || (hash < bound && hash != highest);
        let (held_out, train): (Vec<_>, Vec<_>) =
            hashed.into_iter().partition(|(hash, _)| is_held_out(*hash));
        let texts = |side: Vec<(u64, Document)>| side.into_iter().map(|(_, document)| document).collect();
        Ok(Self { train: texts(train), held_out: texts(held_out) })
    }
}

/// FNV-1a, finished by [`mix`]: fixed for ever, unlike the standard library's hasher.
fn hash(text: &str) -> u64 {
    let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    mix(text.bytes().fold(0xcbf2_9ce4_8422_2325, fnv))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

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
    fn too_small_corpora_and_wrong_fractions_are_refused() {
        let copies = [documents(1), documents(1)].concat();
        for corpus in [documents(0), documents(1), copies] {
            let error = Split::new(corpus, 0.02).unwrap_err().to_string();
            assert!(error.contains("expected at least 2 different documents"), "{error}");
        }
        for fraction in [0., 1., -1., f64::NAN] {
            assert!(Split::new(documents(5), fraction).unwrap_err().to_string().starts_with("held_out "));
        }
    }
}
