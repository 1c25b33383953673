//! Sequences of one length over the documents of shards, each found by its number.
//!
//! | packing          | a sequence                                   | in memory                        |
//! |------------------|----------------------------------------------|----------------------------------|
//! | `full_sentences` | text that runs on over documents             | nothing                          |
//! | `document`       | text of one document, padded                 | 8 bytes for 64 documents         |
//! | `sentence_pairs` | two pieces of text, the second drawn or next | 24 bytes for 8 pairs             |
//!
//! Nothing else is held: a sequence is read from the mapped files when it is asked for. Every token of every document
//! stands in exactly one sequence, but for what `sentence_pairs` draws and truncates.

mod anchors;
mod document;
mod full_sentences;
mod pairs;
mod plan;

use std::fmt;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::random;
use super::shards;
use super::tokenizer::SpecialTokens;

use document::Blocks;
use pairs::Pairs;

const MIN_SEQ_LEN: usize = 8;

/// How documents become sequences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Packing {
    /// As many tokens as fit, `[SEP]` between documents (RoBERTa's full-sentences, without regard to sentences).
    #[default]
    FullSentences,
    /// As many tokens of one document as fit; the rest is padding.
    Document,
    /// Two runs of sentences, of which the second follows the first or was drawn elsewhere (BERT).
    SentencePairs,
}

impl fmt::Display for Packing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::FullSentences => "full_sentences",
            Self::Document => "document",
            Self::SentencePairs => "sentence_pairs",
        })
    }
}

/// The layout that all sequences of a run share.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// How documents become sequences.
    pub packing: Packing,
    /// Tokens in a sequence, `[CLS]` and `[SEP]` included.
    pub seq_len: usize,
    /// The tokens that are no words.
    pub special: SpecialTokens,
    /// Decides where pairs of sentences begin and end; unused by the other packings.
    pub seed: u64,
}

/// A sequence as the model would see it if nothing were masked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Token ids, `(seq_len,)`.
    pub ids: Vec<u32>,
    /// The segment of each token, 0 or 1, `(seq_len,)`.
    pub token_type_ids: Vec<u32>,
    /// Of a pair: 1 if the second half was drawn elsewhere, 0 if it follows the first.
    pub next_sentence: Option<u32>,
}

/// The sequences of a stream of documents.
#[derive(Debug)]
pub struct Sequences {
    stream: shards::Stream,
    layout: Layout,
    index: Index,
}

/// An index that finds a sequence by its number.
#[derive(Debug)]
enum Index {
    FullSentences,
    Document(Blocks),
    SentencePairs(Pairs),
}

impl Sequences {
    /// Finds out where sequences begin; reads no token.
    ///
    /// # Errors
    /// If `seq_len` is below 8, there is no document, or sentences are asked for that were not kept.
    pub fn new(stream: shards::Stream, layout: Layout) -> Result<Self> {
        let seq_len = layout.seq_len;
        ensure!(seq_len >= MIN_SEQ_LEN, "seq_len {seq_len} is too short; the shortest is {MIN_SEQ_LEN}");
        ensure!(!stream.is_empty(), "the documents hold no token: the tokenizer drops all of their text");
        let index = match layout.packing {
            Packing::FullSentences => Index::FullSentences,
            Packing::Document => Index::Document(Blocks::new(&stream, seq_len)),
            Packing::SentencePairs => {
                ensure!(
                    stream.has_sentences(),
                    "packing sentence_pairs needs to know where sentences begin, but the shards were prepared \
                     without: prepare them again with sibert prepare --sentences"
                );
                Index::SentencePairs(Pairs::new(&stream, seq_len, layout.seed))
            }
        };
        Ok(Self { stream, layout, index })
    }

    /// The number of sequences, at least 1.
    pub fn len(&self) -> u64 {
        match &self.index {
            Index::FullSentences => full_sentences::len(&self.stream, self.layout.seq_len),
            Index::Document(blocks) => blocks.len(),
            Index::SentencePairs(pairs) => pairs.len(),
        }
    }

    /// The length of each sequence.
    pub fn seq_len(&self) -> usize {
        self.layout.seq_len
    }

    /// The special tokens in the sequences.
    pub fn special(&self) -> SpecialTokens {
        self.layout.special
    }

    /// Reads sequence `index`, which must be below [`Sequences::len`], into `row`.
    ///
    /// `draws` are those of one visit: they decide the drawn half of a pair, and what is truncated of it. Other
    /// packings leave them alone.
    pub fn read(&self, index: u64, draws: &mut random::Stream, row: &mut Row) {
        let Self { stream, layout, .. } = self;
        row.clear();
        match &self.index {
            Index::FullSentences => full_sentences::read(stream, layout, index, row),
            Index::Document(blocks) => blocks.read(stream, layout, index, row),
            Index::SentencePairs(pairs) => pairs.read(stream, layout, index, draws, row),
        }
        row.pad(layout);
    }

    /// A sequence in a row of its own.
    #[cfg(test)]
    pub fn row(&self, index: u64, draws: &mut random::Stream) -> Row {
        let mut row = Row::default();
        self.read(index, draws, &mut row);
        row
    }
}

impl Row {
    fn clear(&mut self) {
        self.ids.clear();
        self.token_type_ids.clear();
        self.next_sentence = None;
    }

    /// Fills the row up. Padding is of segment 0.
    fn pad(&mut self, layout: &Layout) {
        self.ids.resize(layout.seq_len, layout.special.pad);
        self.token_type_ids.resize(layout.seq_len, 0);
    }
}

#[cfg(test)]
mod pairs_tests;
#[cfg(test)]
mod tests;
