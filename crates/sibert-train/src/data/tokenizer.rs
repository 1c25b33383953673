//! Tokenizers: loading one and learning one.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use tokenizers::decoders::wordpiece::WordPiece as WordPieceDecoder;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{AddedToken, Tokenizer};

#[cfg(test)]
use super::source::Document;
#[cfg(test)]
use super::word_counts::WordCounts;
use super::wordpiece::{self, CONTINUATION};

/// The names of the special tokens, in the order of their ids in a vocabulary learned here.
pub const SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// The ids of the five tokens that are no words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpecialTokens {
    /// Fills a sequence up.
    pub pad: u32,
    /// Stands for what the vocabulary cannot spell.
    pub unk: u32,
    /// Opens every sequence.
    pub cls: u32,
    /// Ends a document or a sequence.
    pub sep: u32,
    /// Stands where a token is to be predicted.
    pub mask: u32,
}

impl SpecialTokens {
    /// The special tokens of a tokenizer, by their BERT names.
    ///
    /// # Errors
    /// If one is missing.
    pub fn of(tokenizer: &Tokenizer) -> Result<Self> {
        let id = |name: &str| {
            tokenizer.token_to_id(name).with_context(|| {
                format!("the tokenizer has no {name} token; it must have {}", SPECIAL.join(" "))
            })
        };
        let [pad, unk, cls, sep, mask] = SPECIAL;
        Ok(Self { pad: id(pad)?, unk: id(unk)?, cls: id(cls)?, sep: id(sep)?, mask: id(mask)? })
    }

    /// All five.
    pub fn all(&self) -> [u32; 5] {
        [self.pad, self.unk, self.cls, self.sep, self.mask]
    }

    /// Whether `id` is one of them.
    pub fn contains(&self, id: u32) -> bool {
        self.all().contains(&id)
    }
}

/// The number of rows an embedding needs: the highest id and one.
pub fn vocab_size(tokenizer: &Tokenizer) -> usize {
    tokenizer.get_vocab(true).into_values().max().map_or(0, |id| id as usize + 1)
}

/// Loads a `tokenizer.json` or a BERT `vocab.txt`, or the one that lies in the folder `path`.
///
/// Truncation and padding the file may ask for are switched off: sequences are packed here. A `vocab.txt` with
/// capital letters is read as a cased one.
///
/// # Errors
/// If there is no such file, it cannot be understood, or a special token is missing; the message names the file.
pub fn load(path: &Path) -> Result<Tokenizer> {
    let file = find(path)?;
    let bytes = fs::read(&file).with_context(|| unreadable(&file))?;
    let is_vocabulary = file.extension().is_some_and(|extension| extension == "txt");
    let read = if is_vocabulary { from_vocabulary_file(&bytes) } else { from_json(&bytes) };
    let checked = read.and_then(|tokenizer| SpecialTokens::of(&tokenizer).map(|_| tokenizer));
    checked.with_context(|| unreadable(&file))
}

fn unreadable(path: &Path) -> String {
    format!("cannot read tokenizer {}", path.display())
}

fn find(path: &Path) -> Result<PathBuf> {
    let metadata = fs::metadata(path).with_context(|| unreadable(path))?;
    if !metadata.is_dir() {
        return Ok(path.to_owned());
    }
    ["tokenizer.json", "vocab.txt"]
        .map(|name| path.join(name))
        .into_iter()
        .find(|file| file.exists())
        .with_context(|| format!("{}: the folder holds neither tokenizer.json nor vocab.txt", path.display()))
}

fn from_json(bytes: &[u8]) -> Result<Tokenizer> {
    let mut tokenizer =
        Tokenizer::from_bytes(bytes).map_err(|error| anyhow!("not a tokenizer.json: {error}"))?;
    tokenizer.with_truncation(None).map_err(|error| anyhow!(error))?;
    tokenizer.with_padding(None);
    Ok(tokenizer)
}

fn from_vocabulary_file(bytes: &[u8]) -> Result<Tokenizer> {
    let text = std::str::from_utf8(bytes).context("not UTF-8")?;
    let tokens: Vec<String> = text.lines().map(|line| line.trim_end().to_owned()).collect();
    let mut lines = HashMap::new();
    for (line, token) in (1..).zip(&tokens) {
        ensure!(!token.is_empty(), "line {line} is blank; expected one token a line");
        if let Some(earlier) = lines.insert(token, line) {
            return Err(anyhow!("line {line}: {token} is already on line {earlier}"));
        }
    }
    let words =
        tokens.iter().filter(|token| !SPECIAL.contains(&token.as_str()) && !token.starts_with("[unused"));
    let lowercase = !words.flat_map(|token| token.chars()).any(char::is_uppercase);
    bert(&tokens, lowercase)
}

/// Learns a lower-case WordPiece tokenizer from documents; the same documents give the same bytes.
///
/// # Errors
/// As [`learn`].
#[cfg(test)]
pub fn train(documents: &[Document], vocab_size: usize) -> Result<Tokenizer> {
    let mut counts = WordCounts::default();
    counts.add(documents);
    learn(&counts.normalized(true)?, vocab_size, true)
}

/// Learns a WordPiece tokenizer from counted words, which must be in lower case if `lowercase` says so.
///
/// The vocabulary is smaller than `vocab_size` if the text has no more pieces that occur twice.
///
/// # Errors
/// If `vocab_size` is too small for the letters of the text.
pub fn learn(words: &BTreeMap<String, u64>, vocab_size: usize, lowercase: bool) -> Result<Tokenizer> {
    bert(&wordpiece::learn(words, &SPECIAL, vocab_size)?, lowercase)
}

/// A tokenizer that knows no word, to normalise and split text with.
///
/// # Errors
/// If the `tokenizers` crate refuses to build it.
pub fn splitter(lowercase: bool) -> Result<Tokenizer> {
    bert(&SPECIAL.map(String::from), lowercase)
}

/// BERT's tokenizer around a vocabulary, one token a place.
fn bert(vocabulary: &[String], lowercase: bool) -> Result<Tokenizer> {
    let build = || -> tokenizers::Result<Tokenizer> {
        let vocabulary_ids = WordPiece::read_bytes(vocabulary.join("\n").as_bytes())?;
        let mut tokenizer = Tokenizer::new(WordPiece::builder().vocab(vocabulary_ids).build()?);
        tokenizer.with_normalizer(Some(BertNormalizer::new(true, true, None, lowercase)))?;
        tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
        tokenizer.with_decoder(Some(WordPieceDecoder::new(CONTINUATION.into(), true)));
        let id = |token: &str| vocabulary.iter().position(|known| known == token).map(|id| id as u32);
        if let (Some(cls), Some(sep)) = (id("[CLS]"), id("[SEP]")) {
            let template = TemplateProcessing::builder()
                .try_single("[CLS]:0 $A:0 [SEP]:0")?
                .try_pair("[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1")?
                .special_tokens(vec![("[CLS]", cls), ("[SEP]", sep)])
                .build()?;
            tokenizer.with_post_processor(Some(template));
        }
        let special = SPECIAL.into_iter().filter(|token| id(token).is_some());
        tokenizer.add_special_tokens(special.map(|token| AddedToken::from(token, true)))?;
        Ok(tokenizer)
    };
    build().map_err(|error| anyhow!(error))
}

#[cfg(test)]
#[path = "tokenizer_tests.rs"]
mod tests;
