//! `sibert tokenizer train`: a WordPiece tokenizer learned from text, in the files that others read.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use sibert_data::source::{self, Document, Reading};
use sibert_data::tokenizer::{self, TOKENIZER_CONFIG};
use sibert_data::word_counts::WordCounts;
use sibert_files::durable;
use tokenizers::Tokenizer;

use crate::args::{SourceArgs, TrainTokenizerArgs};
use crate::console::{note, result};
use crate::hub;

/// Tokens that BERT's position embedding has room for.
const MODEL_MAX_LENGTH: usize = 512;

/// Learns a tokenizer, writes it and says what it is like.
///
/// # Errors
/// If the text cannot be read, has no word or too many letters for the vocabulary, or other files lie in the folder.
pub fn run(args: &TrainTokenizerArgs) -> Result<()> {
    train(args, documents(&args.sources)?)?.into_iter().try_for_each(result)
}

/// The documents of all sources.
fn documents(args: &SourceArgs) -> Result<impl Iterator<Item = Result<Document>> + Send + use<>> {
    let SourceArgs { sources, documents, field, column, skip_bad } = args.clone();
    let reading = Reading { documents: documents.into(), field, column, skip_bad };
    let files = source::resolve(&sources, &hub::open, &note)?.into_iter().flat_map(|source| source.files);
    Ok(files.flat_map(move |file| {
        let (mut documents, mut error) = match file.documents(&reading) {
            Ok(documents) => (Some(documents), None),
            Err(error) => (None, Some(Err(error))),
        };
        std::iter::from_fn(move || {
            let Some(open) = &mut documents else { return error.take() };
            let next = open.next();
            if next.is_none() {
                open.left_out().note(&file.name).iter().for_each(note);
                documents = None;
            }
            next
        })
    }))
}

/// Learns from documents and writes the files; returns the lines that describe them.
fn train(
    args: &TrainTokenizerArgs,
    documents: impl Iterator<Item = Result<Document>> + Send,
) -> Result<Vec<String>> {
    let lowercase = !args.cased;
    let words = WordCounts::of(documents)?.normalized(lowercase)?;
    ensure!(
        !words.is_empty(),
        "{}: no text found, only blank lines and empty texts",
        source::shown(args.sources.sources.join(", "))
    );
    let tokenizer = tokenizer::learn(&words, args.vocab_size, lowercase)?;
    let files = files(&tokenizer)?;
    write(&args.out, &files, args.force)?;
    let names = files.map(|(name, _)| name).join(", ");
    Ok(vec![description(&tokenizer, &words, args.vocab_size), format!("{names} in {}", args.out.display())])
}

/// `vocabulary 8192, learned from 5061236 words, 66135 distinct; 93.1 % of them are one piece`.
fn description(tokenizer: &Tokenizer, words: &BTreeMap<String, u64>, asked_for: usize) -> String {
    let learned = tokenizer::vocab_size(tokenizer);
    let fewer = if learned < asked_for {
        format!(" (of {asked_for} asked for: the text has no more pieces that occur twice)")
    } else {
        String::new()
    };
    let all: u64 = words.values().sum();
    let whole = words.iter().filter(|(word, _)| tokenizer.token_to_id(word).is_some());
    let whole: u64 = whole.map(|(_, times)| times).sum();
    format!(
        "vocabulary {learned}{fewer}, learned from {all} words, {} distinct; {:.1} % of them are one piece",
        words.len(),
        100. * whole as f64 / all as f64
    )
}

/// The names and contents of what `tokenizers`, `transformers` and older BERT code load.
fn files(tokenizer: &Tokenizer) -> Result<[(&'static str, String); 3]> {
    let json = tokenizer.to_string(true).map_err(|error| anyhow!(error))?;
    let ids = 0..tokenizer::vocab_size(tokenizer) as u32;
    let vocabulary: String =
        ids.filter_map(|id| tokenizer.id_to_token(id)).map(|token| token + "\n").collect();
    Ok([
        ("tokenizer.json", json),
        ("vocab.txt", vocabulary),
        (TOKENIZER_CONFIG, tokenizer::config_json(tokenizer, MODEL_MAX_LENGTH)?),
    ])
}

/// Writes each file under a hidden name and renames it; files that are the same already may be there.
fn write(folder: &Path, files: &[(&str, String)], force: bool) -> Result<()> {
    for (name, contents) in files {
        let file = folder.join(name);
        let same = fs::read(&file).ok().is_none_or(|there| there == contents.as_bytes());
        ensure!(
            same || force,
            "{} exists and is different: choose another --out, or replace it with --force",
            file.display()
        );
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for (name, contents) in files {
        durable::replace(&folder.join(name), contents)?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use sibert_data::builtin;

    use super::*;
    use crate::args::{Cli, Command, TokenizerCommand};
    use clap::Parser;
    use tempfile::TempDir;

    fn arguments(folder: &TempDir, more: &[&str]) -> TrainTokenizerArgs {
        let out = folder.path().join("new/tokenizer");
        let fixed = ["sibert", "tokenizer", "train", "--source", "text.txt", "--out", out.to_str().unwrap()];
        match Cli::parse_from(fixed.iter().chain(more)).command {
            Command::Tokenizer(TokenizerCommand::Train(args)) => args,
            other => panic!("{other:?}"),
        }
    }

    fn trained(args: &TrainTokenizerArgs, sentences: usize) -> Result<Vec<String>> {
        train(args, builtin::documents(3, sentences).into_iter().map(Ok))
    }

    #[test]
    fn both_files_give_the_ids_of_the_learned_tokenizer() {
        for cased in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let args = TrainTokenizerArgs { cased, ..arguments(&folder, &["--vocab-size", "700"]) };
            trained(&args, 1000).unwrap();
            let learned = tokenizer::load(&args.out).unwrap();
            let vocabulary = args.out.join("vocab.txt");
            let read = crate::named_tokenizer::load(vocabulary.to_str().unwrap()).unwrap();
            let text = "The capital of France is Paris, É.";
            let ids = learned.encode(text, true).unwrap().get_ids().to_vec();
            assert_eq!(ids, read.encode(text, true).unwrap().get_ids());
            assert_eq!(learned.token_to_id("The").is_some(), cased);
            assert_eq!(fs::read_dir(&args.out).unwrap().count(), 3, "no unfinished file is left");
        }
    }

    #[test]
    fn the_description_counts_words_and_whole_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let texts = ["abab abab abab abab", "abab xyz"].map(|text| Ok(Document { text: text.into() }));
        let lines = train(&arguments(&folder, &["--vocab-size", "20"]), texts.into_iter()).unwrap();
        assert!(
            lines[0].ends_with("learned from 6 words, 2 distinct; 83.3 % of them are one piece"),
            "{lines:?}"
        );
        assert!(lines[1].starts_with("tokenizer.json, vocab.txt, tokenizer_config.json in "), "{lines:?}");
    }

    #[test]
    fn a_vocabulary_smaller_than_asked_for_is_explained() {
        let folder = tempfile::tempdir().unwrap();
        let lines = |size: &str| {
            let args = arguments(&folder, &["--force", "--vocab-size", size]);
            let texts = ["abab abab", "abab xyz"].map(|text| Ok(Document { text: text.into() }));
            train(&args, texts.into_iter()).unwrap().remove(0)
        };
        let all = lines("30522");
        let learned: usize = all.split(' ').nth(1).unwrap().parse().unwrap();
        let expected = format!(
            "vocabulary {learned} (of 30522 asked for: the text has no more pieces that occur twice), learned from 4"
        );
        assert!(all.starts_with(&expected), "{all}");
        let enough = lines(&learned.to_string());
        assert!(enough.starts_with(&format!("vocabulary {learned}, learned from 4 words")), "{enough}");
    }

    #[test]
    fn text_without_a_word_is_refused_and_nothing_written() {
        let folder = tempfile::tempdir().unwrap();
        for texts in [vec![], vec![Ok(Document { text: "\u{200b}\u{7}".into() })]] {
            let args = arguments(&folder, &[]);
            let error = train(&args, texts.into_iter()).unwrap_err().to_string();
            assert_eq!(error, "text.txt: no text found, only blank lines and empty texts");
            assert!(!args.out.exists());
        }
    }

    #[test]
    fn other_files_are_replaced_by_force_only() {
        let folder = tempfile::tempdir().unwrap();
        let mut args = arguments(&folder, &[]);
        let file = args.out.join("tokenizer.json");
        trained(&args, 1000).unwrap();
        let first = fs::read(&file).unwrap();
        trained(&args, 1000).unwrap();
        let error = trained(&args, 500).unwrap_err().to_string();
        let expected =
            "tokenizer.json exists and is different: choose another --out, or replace it with --force";
        assert!(error.ends_with(expected), "{error}");
        assert_eq!(fs::read(&file).unwrap(), first);
        args.force = true;
        trained(&args, 500).unwrap();
        assert_ne!(fs::read(&file).unwrap(), first);
    }
}
