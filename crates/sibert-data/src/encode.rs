//! Text to token ids: each distinct word is encoded once and remembered.
//!
//! ```text
//! text ─▶ words ─┬─ met before ──────────────▶ ids
//!                └─ new ─▶ tokenizers crate ─▶ ids, remembered
//! ```
//!
//! The ids are those that the `tokenizers` crate gives for the whole text. That needs a tokenizer that works word by
//! word, as BERT's does; any other one is asked about long pieces of the text.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use tokenizers::{Model, ModelWrapper, NormalizerWrapper, PreTokenizerWrapper, Tokenizer};

use super::contained::contained;
use super::sentences::sentences;
use super::words::{normalized, words};

/// Words of more bytes are not remembered: they hardly come again.
const LONGEST_WORD: usize = 64;
/// Bounds of a [`WordCache`], which together keep it below some 30 MB.
const MOST_WORDS: usize = 1 << 18;
const MOST_IDS: usize = 1 << 20;
/// Other tokenizers get pieces of about this many bytes, cut at white space, which bounds memory.
const PIECE_BYTES: usize = 1 << 16;

/// Turns text into token ids; clones are cheap and share the tokenizer.
#[derive(Clone, Debug)]
pub struct Encoder {
    tokenizer: Arc<Tokenizer>,
    method: Method,
}

#[derive(Clone, Copy, Debug)]
enum Method {
    /// The ids of a text are those of its [`words`], one after the other.
    ByWords { lowercase: bool },
    /// Of the tokenizer nothing is known.
    ByLongPieces,
}

/// The ids of the words one thread has met, for one [`Encoder`] and its clones.
#[derive(Debug)]
pub struct WordCache {
    tokenizer: Arc<Tokenizer>,
    places: HashMap<Box<str>, IdRange, ahash::RandomState>,
    ids: Vec<u32>,
}

/// The place of a word's ids among all.
#[derive(Clone, Copy, Debug)]
struct IdRange {
    start: u32,
    end: u32,
}

impl Encoder {
    /// An encoder for whole texts: truncation and padding are off, and text that spells a special token, such as
    /// `[MASK]`, is ordinary text.
    ///
    /// # Errors
    /// If the tokenizer cannot do without truncation.
    pub fn new(tokenizer: &Tokenizer) -> Result<Self> {
        let mut plain = tokenizer.clone();
        plain.set_encode_special_tokens(true);
        plain.with_truncation(None).map_err(failed)?;
        plain.with_padding(None);
        Ok(Self { method: Method::of(&plain), tokenizer: Arc::new(plain) })
    }

    /// An empty cache.
    pub fn cache(&self) -> WordCache {
        WordCache { tokenizer: self.tokenizer.clone(), places: HashMap::default(), ids: Vec::new() }
    }

    /// Appends the ids of `text`, without special tokens.
    ///
    /// # Errors
    /// If the tokenizer fails, as a WordPiece vocabulary without its unknown token does, or panics, as a damaged one may.
    ///
    /// # Panics
    /// If `cache` is of another encoder.
    pub fn encode(&self, text: &str, cache: &mut WordCache, ids: &mut Vec<u32>) -> Result<()> {
        assert!(Arc::ptr_eq(&self.tokenizer, &cache.tokenizer), "the word cache is of another encoder");
        contained(|| self.append(text, cache, ids))
    }

    fn append(&self, text: &str, cache: &mut WordCache, ids: &mut Vec<u32>) -> Result<()> {
        let Method::ByWords { lowercase } = self.method else {
            return long_pieces(text).try_for_each(|piece| self.ask(piece, ids));
        };
        for word in words(text) {
            if let Some(known) = cache.get(word) {
                ids.extend_from_slice(known);
                continue;
            }
            let start = ids.len();
            self.look_up(word, lowercase, ids)?;
            if word.len() <= LONGEST_WORD {
                cache.insert(word, &ids[start..]);
            }
        }
        Ok(())
    }

    /// Appends the ids of each sentence of `text`, and to `starts` the index of each sentence's first id, counted
    /// from the text's first; a sentence without ids has none.
    ///
    /// For a tokenizer that works word by word, as BERT's does, the ids are those of [`Encoder::encode`].
    ///
    /// # Errors
    /// As [`Encoder::encode`].
    pub fn encode_sentences(
        &self,
        text: &str,
        cache: &mut WordCache,
        ids: &mut Vec<u32>,
        starts: &mut Vec<u32>,
    ) -> Result<()> {
        let first = ids.len();
        for sentence in sentences(text) {
            let start = ids.len();
            self.encode(sentence, cache, ids)?;
            if ids.len() > start {
                starts.push((start - first) as u32);
            }
        }
        Ok(())
    }

    /// Appends the ids of one of [`words`].
    fn look_up(&self, word: &str, lowercase: bool, ids: &mut Vec<u32>) -> Result<()> {
        let Some(word) = normalized(word, lowercase) else { return self.ask(word, ids) };
        let tokens = self.tokenizer.get_model().tokenize(&word).map_err(failed)?;
        ids.extend(tokens.iter().map(|token| token.id));
        Ok(())
    }

    /// Appends what the whole tokenizer makes of `text`.
    fn ask(&self, text: &str, ids: &mut Vec<u32>) -> Result<()> {
        let encoding = self.tokenizer.encode_fast(text, false).map_err(failed)?;
        ids.extend_from_slice(encoding.get_ids());
        Ok(())
    }
}

impl Method {
    /// By words if all of the tokenizer's parts are known to treat each of [`words`] on its own.
    ///
    /// Special tokens are ordinary text here; any other added token may lie across words.
    fn of(tokenizer: &Tokenizer) -> Self {
        let lowercase = match tokenizer.get_normalizer() {
            None => Some(false),
            Some(NormalizerWrapper::BertNormalizer(normalizer)) => Some(normalizer.lowercase),
            Some(_) => None,
        };
        let splits = matches!(tokenizer.get_pre_tokenizer(), Some(PreTokenizerWrapper::BertPreTokenizer(_)));
        let wordpiece = matches!(tokenizer.get_model(), ModelWrapper::WordPiece(_));
        let added = tokenizer.get_added_vocabulary().get_added_tokens_decoder();
        match lowercase {
            Some(lowercase) if splits && wordpiece && added.values().all(|token| token.special) => {
                Self::ByWords { lowercase }
            }
            _ => Self::ByLongPieces,
        }
    }
}

impl WordCache {
    fn get(&self, word: &str) -> Option<&[u32]> {
        let place = self.places.get(word)?;
        Some(&self.ids[place.start as usize..place.end as usize])
    }

    /// Remembers a word; a full cache forgets the others first.
    fn insert(&mut self, word: &str, ids: &[u32]) {
        if self.places.len() >= MOST_WORDS || self.ids.len() + ids.len() > MOST_IDS {
            self.places.clear();
            self.ids.clear();
        }
        let start = self.ids.len() as u32;
        self.ids.extend_from_slice(ids);
        self.places.insert(word.into(), IdRange { start, end: self.ids.len() as u32 });
    }
}

fn failed(error: tokenizers::Error) -> anyhow::Error {
    anyhow!("the tokenizer: {error}")
}

/// Cuts `text` behind white space into pieces of at least [`PIECE_BYTES`], the last one excepted.
fn long_pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = rest.ceil_char_boundary(PIECE_BYTES);
        let end = rest[start..].find(char::is_whitespace).map_or(rest.len(), |at| start + at);
        let (piece, tail) = rest.split_at(end);
        rest = tail;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
