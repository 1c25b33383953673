//! Tokenizers: learning one, and reading one that others made.

mod beside;
mod files;
mod reference;
mod saved;
mod vocabulary;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ahash::AHashMap;
use anyhow::{Context, Result, anyhow};
use tokenizers::decoders::wordpiece::WordPiece as WordPieceDecoder;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{AddedToken, Tokenizer};

use super::contained::contained;
#[cfg(test)]
use super::source::Document;
#[cfg(test)]
use super::word_counts::WordCounts;
use super::wordpiece::{self, CONTINUATION};

pub use files::{Opened, find, read};
pub use reference::load_reference;
pub use saved::config_json;

/// The name of the file that holds a whole tokenizer.
pub const TOKENIZER: &str = "tokenizer.json";
/// The name of the file with a vocabulary alone.
pub const VOCABULARY: &str = "vocab.txt";
/// The name of the file with settings beside either.
pub const TOKENIZER_CONFIG: &str = "tokenizer_config.json";

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

/// Loads a `tokenizer.json` that was written here, or the one in the folder `path`, as it is.
///
/// [`files::read`] reads those that others wrote.
///
/// # Errors
/// If there is no such file, it cannot be understood, or a special token is missing; the message names the file.
pub fn load(path: &Path) -> Result<Tokenizer> {
    let file = if path.is_dir() { path.join(TOKENIZER) } else { path.to_owned() };
    let unreadable = || format!("cannot read tokenizer {}", file.display());
    let bytes = fs::read(&file).with_context(unreadable)?;
    let checked = from_json(&bytes).and_then(|tokenizer| SpecialTokens::of(&tokenizer).map(|_| tokenizer));
    checked.with_context(unreadable)
}

/// The tokenizer of a `tokenizer.json`, which neither truncates nor pads: sequences are packed here.
///
/// One without a post-processor, as Python's `BertWordPieceTokenizer` saves it, gets BERT's.
///
/// # Errors
/// If it cannot be understood. A panic of the `tokenizers` crate, which a damaged file may lead to, is such an error.
pub fn from_json(bytes: &[u8]) -> Result<Tokenizer> {
    let mut tokenizer = contained(|| Tokenizer::from_bytes(bytes).map_err(|error| anyhow!(error)))
        .map_err(|error| anyhow!("not a tokenizer.json: {error}"))?;
    tokenizer.with_truncation(None).map_err(|error| anyhow!(error))?;
    tokenizer.with_padding(None);
    if tokenizer.get_post_processor().is_none() {
        enclose(&mut tokenizer)?;
    }
    Ok(tokenizer)
}

/// Makes it put `[CLS]` and `[SEP]` around a text or a pair, if it has them.
///
/// # Errors
/// If the `tokenizers` crate refuses the template.
pub fn enclose(tokenizer: &mut Tokenizer) -> Result<()> {
    let (Some(cls), Some(sep)) = (tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")) else {
        return Ok(());
    };
    let build = || -> Result<_, Box<dyn std::error::Error + Send + Sync>> {
        let template = TemplateProcessing::builder()
            .try_single("[CLS]:0 $A:0 [SEP]:0")?
            .try_pair("[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1")?
            .special_tokens(vec![("[CLS]", cls), ("[SEP]", sep)])
            .build()?;
        Ok(template)
    };
    tokenizer.with_post_processor(Some(build().map_err(|error| anyhow!(error))?));
    Ok(())
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

/// The lower-case tokenizer of the text of a `vocab.txt`.
///
/// # Errors
/// If a token is missing, empty or there twice.
pub fn of_words(text: &str) -> Result<Tokenizer> {
    bert(&vocabulary::tokens(text)?, true)
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
        let ids = vocabulary.iter().cloned().zip(0..).collect::<AHashMap<String, u32>>();
        let special = SPECIAL.into_iter().filter(|token| ids.contains_key(*token));
        let special: Vec<AddedToken> = special.map(|token| AddedToken::from(token, true)).collect();
        let mut tokenizer = Tokenizer::new(WordPiece::builder().vocab(ids).build()?);
        tokenizer.with_normalizer(Some(BertNormalizer::new(true, true, None, lowercase)))?;
        tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
        tokenizer.with_decoder(Some(WordPieceDecoder::new(CONTINUATION.into(), true)));
        tokenizer.add_special_tokens(special)?;
        Ok(tokenizer)
    };
    let mut tokenizer = build().map_err(|error| anyhow!(error))?;
    enclose(&mut tokenizer)?;
    Ok(tokenizer)
}

#[cfg(test)]
mod tests;
