//! Counting the words of a text of any length in bounded memory.
//!
//! ```text
//! documents ─▶ batches ─▶ words, counted in parallel ─▶ one map, pruned when full ─▶ normalised words
//! ```
//!
//! Words are counted as they are written and normalised at the end, each distinct one once. The counts do not depend
//! on the number of threads: a batch's are exact, batches end after a fixed number of bytes of the documents, and only
//! between batches are words dropped.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Result, anyhow};
use rayon::prelude::*;
use tokenizers::{
    NormalizedString, Normalizer, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer, Tokenizer,
};

use super::source::Document;
use super::tokenizer;
use super::words::{self, words};

/// Documents are counted in batches of about this many bytes.
const BATCH_BYTES: usize = 1 << 24;
/// Bounds of the map. With them learning 30,000 pieces takes some 400 MB, however long the text is.
const MOST_WORDS: usize = 1 << 19;
const MOST_BYTES: usize = 1 << 24;

type Counts = HashMap<Box<str>, u64, ahash::RandomState>;

/// How often each word occurs, as it is written.
///
/// When there are too many distinct words, those that occurred once so far are dropped; if that is not enough, those
/// that occurred twice, and so on.
#[derive(Debug, Default)]
pub struct WordCounts {
    counts: Counts,
}

impl WordCounts {
    /// Counts the words of documents while it reads them.
    ///
    /// # Errors
    /// If a document cannot be read.
    pub fn of(mut documents: impl Iterator<Item = Result<Document>> + Send) -> Result<Self> {
        let mut counts = Self::default();
        let mut batch = next_batch(&mut documents)?;
        while !batch.is_empty() {
            let next;
            ((), next) = rayon::join(|| counts.add(&batch), || next_batch(&mut documents));
            batch = next?;
        }
        Ok(counts)
    }

    /// Adds the words of some documents, in parallel, and drops rare ones if there are too many.
    pub fn add(&mut self, documents: &[Document]) {
        let counted = documents.par_iter().fold(Counts::default, |mut counts, document| {
            words(&document.text).for_each(|word| count(&mut counts, word, 1));
            counts
        });
        self.counts = sum(std::mem::take(&mut self.counts), counted.reduce(Counts::default, sum));
        self.prune(MOST_WORDS, MOST_BYTES);
    }

    /// Drops the rarest words until the others fit.
    fn prune(&mut self, most_words: usize, most_bytes: usize) {
        let bytes = |counts: &Counts| counts.keys().map(|word| word.len()).sum::<usize>();
        let mut rare = 0;
        while self.counts.len() > most_words || bytes(&self.counts) > most_bytes {
            rare += 1;
            self.counts.retain(|_, times| *times > rare);
        }
    }

    /// The words that BERT's normaliser and pre-tokenizer make of them.
    ///
    /// # Errors
    /// If the `tokenizers` crate fails.
    pub fn normalized(&self, lowercase: bool) -> Result<BTreeMap<String, u64>> {
        let splitter = tokenizer::splitter(lowercase)?;
        let split = |mut parts: Counts, (word, times): (&str, u64)| {
            match words::normalized(word, lowercase) {
                Some(word) => count(&mut parts, &word, times),
                None => split(&splitter, word, |part| count(&mut parts, part, times))?,
            }
            anyhow::Ok(parts)
        };
        let words = self.counts.par_iter().map(|(word, &times)| (&**word, times));
        let parts = words.try_fold(Counts::default, split);
        let parts = parts.try_reduce(Counts::default, |one, other| Ok(sum(one, other)))?;
        Ok(parts.into_iter().map(|(word, times)| (word.into(), times)).collect())
    }
}

/// The documents up to a batch's size, at least one if there is one.
fn next_batch(documents: &mut impl Iterator<Item = Result<Document>>) -> Result<Vec<Document>> {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    while bytes < BATCH_BYTES
        && let Some(document) = documents.next().transpose()?
    {
        bytes += document.text.len();
        batch.push(document);
    }
    Ok(batch)
}

fn count(counts: &mut Counts, word: &str, times: u64) {
    match counts.get_mut(word) {
        Some(count) => *count += times,
        None => _ = counts.insert(word.into(), times),
    }
}

fn sum(one: Counts, other: Counts) -> Counts {
    let (mut large, small) = if one.len() < other.len() { (other, one) } else { (one, other) };
    small.into_iter().for_each(|(word, times)| *large.entry(word).or_default() += times);
    large
}

/// Hands `found` what a tokenizer's normaliser and pre-tokenizer make of `text`.
fn split(splitter: &Tokenizer, text: &str, mut found: impl FnMut(&str)) -> Result<()> {
    let mut normalized = NormalizedString::from(text);
    if let Some(normalizer) = splitter.get_normalizer() {
        normalizer.normalize(&mut normalized).map_err(|error| anyhow!(error))?;
    }
    let mut parts = PreTokenizedString::from(normalized);
    if let Some(pre_tokenizer) = splitter.get_pre_tokenizer() {
        pre_tokenizer.pre_tokenize(&mut parts).map_err(|error| anyhow!(error))?;
    }
    parts
        .get_splits(OffsetReferential::Normalized, OffsetType::Byte)
        .into_iter()
        .for_each(|(part, _, _)| found(part));
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::builtin;
    use proptest::prelude::*;

    fn documents(texts: &[&str]) -> Vec<Document> {
        texts.iter().map(|&text| Document { text: text.into() }).collect()
    }

    fn counted(documents: &[Document]) -> WordCounts {
        let mut counts = WordCounts::default();
        counts.add(documents);
        counts
    }

    /// Every text split as a whole, each word as often as it occurs.
    fn naive(documents: &[Document], lowercase: bool) -> BTreeMap<String, u64> {
        let splitter = tokenizer::splitter(lowercase).unwrap();
        let mut all = BTreeMap::new();
        for Document { text } in documents {
            split(&splitter, text, |word| *all.entry(word.to_owned()).or_default() += 1).unwrap();
        }
        all
    }

    #[test]
    fn words_are_counted_as_the_tokenizer_reads_them() {
        let counts = counted(&documents(&["Été, été the The!", "THE\u{7} x\u{85}y 東京 the"]));
        let words = counts.normalized(true).unwrap();
        let expected = [("!", 1), (",", 1), ("ete", 2), ("the", 4), ("xy", 1), ("京", 1), ("東", 1)];
        assert_eq!(words, expected.map(|(word, times)| (word.to_owned(), times)).into());
        assert_eq!(counts.normalized(false).unwrap()["The"], 1);
    }

    proptest! {
        #[test]
        fn counts_are_those_of_whole_texts(text in "([a-cA-CéÉ\u{301}字.,' \n\u{85}\u{a0}\u{2028}]|the |\\PC){0,80}") {
            let documents = documents(&[&text, &text]);
            for lowercase in [true, false] {
                prop_assert_eq!(counted(&documents).normalized(lowercase).unwrap(), naive(&documents, lowercase));
            }
        }
    }

    #[test]
    fn batches_do_not_change_the_counts() {
        let documents = builtin::documents(3, 200);
        let mut parts = WordCounts::default();
        documents.chunks(7).for_each(|chunk| parts.add(chunk));
        let streamed = WordCounts::of(documents.iter().cloned().map(Ok)).unwrap();
        let whole = counted(&documents);
        assert!(parts.counts == whole.counts && streamed.counts == whole.counts);
        assert_eq!(whole.normalized(true).unwrap(), naive(&documents, true));
    }

    #[test]
    fn batches_end_after_a_fixed_number_of_bytes() {
        let text = "word ".repeat(BATCH_BYTES / 20);
        let mut documents = documents(&[text.as_str(); 6]).into_iter().map(Ok);
        let sizes: Vec<usize> =
            std::iter::from_fn(|| Some(next_batch(&mut documents).unwrap().len())).take(3).collect();
        assert_eq!(sizes, [5, 1, 0]);
    }

    #[test]
    fn the_rarest_words_are_dropped_first() {
        let texts = ["a a a b b c c d e", "long-long-word-that-is-rare"];
        let mut counts = counted(&documents(&texts));
        counts.prune(5, 1000);
        let left: BTreeMap<&str, u64> = counts.counts.iter().map(|(word, &times)| (&**word, times)).collect();
        assert_eq!(left, [("-", 5), ("a", 3), ("b", 2), ("c", 2), ("long", 2)].into());
        counts.prune(5, 4);
        assert_eq!(counts.counts.len(), 2, "every word that occurred twice goes at once");
    }

    #[test]
    fn an_unreadable_document_ends_the_counting() {
        let bad = [Ok(Document { text: "a".into() }), Err(anyhow!("line 7 is no JSON"))];
        assert_eq!(WordCounts::of(bad.into_iter()).unwrap_err().to_string(), "line 7 is no JSON");
    }
}
