//! `sibert prepare`: a corpus as shards of token ids.

mod display;

use std::time::{Duration, Instant};

use anyhow::Result;
use sibert_data::prepare::{Existing, Prepared, Request, TokenizerChoice};
use sibert_data::shards::{Counts, Learned, Manifest, Preparation, Side};
use sibert_data::source;

use crate::args::PrepareArgs;
use crate::console::note;
use crate::console::result;
use crate::log::{clock, count};
use crate::{hub, named_tokenizer};
pub use display::prepare_shown;

/// Entries of a vocabulary that is learned, unless another number is asked for.
const VOCAB_SIZE: usize = 8192;

/// Fraction of the documents that is held out where there is nothing else to evaluate on.
const HELD_OUT: f64 = 0.02;

/// Prepares the sources and prints what came of it.
///
/// # Errors
/// As [`prepare_shown`], and if a source or the tokenizer cannot be found.
pub fn run(args: &PrepareArgs) -> Result<()> {
    let began = Instant::now();
    let prepared = prepare_shown(&request(args)?)?;
    let manifest = prepared.shards.manifest();
    result(table(manifest))?;
    result(summary(args, &prepared, began.elapsed()))
}

fn request(args: &PrepareArgs) -> Result<Request> {
    let learned = Learned { vocab_size: args.vocab_size.unwrap_or(VOCAB_SIZE), lowercase: !args.cased };
    let tokenizer = match &args.tokenizer {
        Some(reference) => TokenizerChoice::Given(Box::new(named_tokenizer::load(reference)?)),
        None => TokenizerChoice::Learn(learned),
    };
    Ok(Request {
        sources: source::resolve(&args.sources.sources, &hub::open, &note)?,
        validation: source::resolve(&args.validation, &hub::open, &note)?,
        weights: args.weights.clone(),
        tokenizer,
        preparation: Preparation {
            documents: args.sources.documents.into(),
            field: args.sources.field.clone(),
            column: args.sources.column.clone(),
            skip_bad: args.sources.skip_bad,
            held_out: args.held_out.unwrap_or(if args.validation.is_empty() { HELD_OUT } else { 0. }),
            sentences: args.sentences,
            shard_tokens: args.shard_tokens,
        },
        out: args.out.clone(),
        existing: if args.force { Existing::Discard } else { Existing::Keep },
    })
}

/// A line for each source, and one for all of them.
fn table(manifest: &Manifest) -> String {
    let all = both(manifest, None);
    let mut rows = vec![["source", "documents", "tokens", "share", "weight", "unknown"].map(str::to_owned)];
    for (number, source) in manifest.sources.iter().enumerate() {
        rows.push(row(&source.shown(), both(manifest, Some(number)), all, source.weight));
    }
    if manifest.sources.len() > 1 {
        rows.push(row("all", all, all, None));
    }
    let held_out = manifest.counts(None, Side::HeldOut);
    rows.push(row("held out of it", held_out, all, None));
    let weighted = manifest.sources.iter().any(|source| source.weight.is_some());
    align(&rows, |column| column != 4 || weighted)
}

fn row(name: &str, counts: Counts, all: Counts, weight: Option<f64>) -> [String; 6] {
    let share = |part: u64, whole: u64| 100. * part as f64 / whole.max(1) as f64;
    [
        name.to_owned(),
        counts.documents.to_string(),
        counts.tokens.to_string(),
        format!("{:.1} %", share(counts.tokens, all.tokens)),
        weight.map(significant).unwrap_or_default(),
        format!("{:.2} %", share(counts.unknown, counts.tokens)),
    ]
}

/// A number of at most six digits that matter.
fn significant(number: f64) -> String {
    let rounded: f64 = format!("{number:.5e}").parse().unwrap_or(number);
    let text = format!("{rounded:?}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

/// The counts of a source, or of all of them, on both sides.
fn both(manifest: &Manifest, source: Option<usize>) -> Counts {
    let [a, b] = [Side::Train, Side::HeldOut].map(|side| manifest.counts(source, side));
    Counts {
        documents: a.documents + b.documents,
        tokens: a.tokens + b.tokens,
        unknown: a.unknown + b.unknown,
    }
}

/// The columns that are shown, the first to the left, numbers to the right.
fn align(rows: &[[String; 6]], is_shown: impl Fn(usize) -> bool) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let line = |row: &[String; 6]| {
        let columns = (1..row.len()).filter(|&column| is_shown(column));
        let numbers: String = columns.map(|column| format!("  {:>1$}", row[column], width(column))).collect();
        format!("{:1$}{numbers}", row[0], width(0))
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// `3 shards, 128 MB, in shards/wiki, vocabulary 30522: 1m20s, 1.57M tok/s`
fn summary(args: &PrepareArgs, prepared: &Prepared, elapsed: Duration) -> String {
    let manifest = prepared.shards.manifest();
    let bytes: u64 = manifest.shards.iter().map(|shard| shard.file.size).sum();
    let (shards, plural) = (manifest.shards.len(), if manifest.shards.len() == 1 { "" } else { "s" });
    let rate = match prepared.written {
        0 => String::new(),
        tokens => format!(", {} tok/s", count(tokens as f64 / elapsed.as_secs_f64().max(1e-3))),
    };
    format!(
        "{shards} shard{plural}, {}B, in {}, vocabulary {}: {}{rate}",
        count(bytes as f64),
        args.out.display(),
        manifest.vocab_size,
        clock(elapsed)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_have_six_digits_at_most() {
        let shown = [1., 2.5, 1. / 3., 1234.5678, 1e-7, 1e300].map(significant);
        assert_eq!(shown, ["1", "2.5", "0.333333", "1234.57", "1e-7", "1e300"]);
    }
}
