//! Counts: documents, lengths, vocabulary.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use indicatif::HumanCount;
use rayon::prelude::*;

use super::Opened;
use crate::console::result;
use crate::data::shards::{Counts, Side, Stream};
use crate::data::tokenizer::SpecialTokens;

/// Ids counted at a time.
const BLOCK: u64 = 1 << 20;
/// Words named as the most frequent ones.
const NAMED: usize = 12;

/// Name of the held-out part.
const HELD_OUT: &str = "held out";

/// Prints what the text holds.
///
/// # Errors
/// If the tokenizer lacks a special token, or standard output is closed.
pub fn print(opened: &Opened) -> Result<()> {
    let Opened { config, shards, corpus, .. } = opened;
    let manifest = shards.manifest();
    let names = manifest.sources.iter().map(|source| source.name.chars().count());
    let width = names.chain([HELD_OUT.len()]).max().unwrap_or(0);
    result(format!(
        "{:<width$} {:>12} {:>15} {:>8} {:>8} {:>8} {:>8} {:>9}",
        "source", "documents", "tokens", "mean", "median", "p90", "longest", "unknown"
    ))?;
    for (number, source) in manifest.to_train_on().iter().enumerate() {
        let counts = manifest.counts(Some(number), Side::Train);
        let lengths = Lengths::of(&shards.stream(Some(number), Side::Train));
        result(row(&source.name, width, counts, &lengths))?;
    }
    let held_out = shards.stream(None, Side::HeldOut);
    result(row(HELD_OUT, width, manifest.counts(None, Side::HeldOut), &Lengths::of(&held_out)))?;

    let mut counts = frequencies(&shards.stream(None, Side::Train), manifest.vocab_size);
    let strays = counts.pop().unwrap_or_default();
    ensure!(
        strays == 0,
        "{strays} ids are not below {}, the size of the vocabulary: the shards are damaged, or of another tokenizer; prepare \
         them again",
        manifest.vocab_size
    );
    let special = SpecialTokens::of(&corpus.tokenizer)?;
    let mut ordinary: Vec<(u64, u32)> =
        (0..).zip(&counts).filter(|(id, _)| !special.contains(*id)).map(|(id, &count)| (count, id)).collect();
    ordinary.sort_by_key(|&(count, id)| (std::cmp::Reverse(count), id));
    let seen = ordinary.iter().filter(|(count, _)| *count > 0).count();
    let share = 100. * seen as f64 / ordinary.len().max(1) as f64;
    let name = |&(_, id): &(u64, u32)| corpus.tokenizer.id_to_token(id).unwrap_or_default();
    let names: Vec<_> = ordinary.iter().take(NAMED.min(seen)).map(name).collect();
    result(format!(
        "\nvocabulary   {} entries, {share:.1} % of them occur",
        HumanCount(counts.len() as u64)
    ))?;
    result(format!("             most frequent: {}", names.join(" ")))?;
    result(format!(
        "sequences    {} of {} tokens to train on, {} held out ({})",
        HumanCount(corpus.train.sequences()),
        config.seq_len,
        HumanCount(corpus.held_out.len() as u64),
        config.packing
    ))
}

/// A line of the table; `mean`, `median`, `p90` and `longest` are tokens of a document.
fn row(name: &str, width: usize, counts: Counts, lengths: &Lengths) -> String {
    let Counts { documents, tokens, unknown } = counts;
    format!(
        "{name:<width$} {:>12} {:>15} {:>8.1} {:>8} {:>8} {:>8} {:>7.3} %",
        HumanCount(documents).to_string(),
        HumanCount(tokens).to_string(),
        tokens as f64 / documents.max(1) as f64,
        lengths.quantile(0.5),
        lengths.quantile(0.9),
        lengths.quantile(1.),
        100. * unknown as f64 / tokens.max(1) as f64,
    )
}

/// How many documents have each length.
struct Lengths(BTreeMap<u64, u64>);

impl Lengths {
    fn of(stream: &Stream) -> Self {
        let mut lengths = BTreeMap::new();
        for document in 0..stream.documents() {
            let place = stream.document(document);
            *lengths.entry(place.end - place.start).or_default() += 1;
        }
        Self(lengths)
    }

    /// The smallest length that a share `q` of the documents does not exceed; 0 without documents.
    fn quantile(&self, q: f64) -> u64 {
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
fn frequencies(stream: &Stream, vocab_size: usize) -> Vec<u64> {
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
    use crate::data::shards::{Shards, fixture};

    fn stream(documents: Vec<Vec<u32>>) -> Stream {
        let folder = tempfile::tempdir().unwrap();
        fixture::write(folder.path(), &[documents], 100);
        Shards::open(folder.path()).unwrap().stream(None, Side::Train)
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_lengths() {
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
