//! Counts: documents, lengths, vocabulary.

use anyhow::{Result, ensure};
use indicatif::HumanCount;
use sibert_data::shards::{Counts, Side};
use sibert_data::statistics::{Lengths, frequencies};
use sibert_data::tokenizer::SpecialTokens;

use super::Opened;
use crate::console::result;

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
