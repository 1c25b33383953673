//! Packing documents into sequences of one length, without dropping a token.
//!
//! ```text
//! [CLS] document one … [SEP] document two … [SEP]
//! [CLS] … the rest of document two [SEP] document three [SEP] [PAD] [PAD]
//! ```
//!
//! Text runs on from sequence to sequence; `[SEP]` ends every document inside a sequence, and every sequence.

use anyhow::{Result, ensure};
use sha2::Digest;
use tokenizers::Tokenizer;

use super::source::Document;
use super::tokenizer::{self, SpecialTokens};

/// Documents encoded at a time, which bounds the memory beside the packed ids.
const CHUNK: usize = 4096;
const MIN_SEQ_LEN: usize = 8;

/// Packed sequences, all of length `seq_len`, in one flat array.
#[derive(Clone, Debug)]
pub struct Sequences {
    ids: Ids,
    seq_len: usize,
    special: SpecialTokens,
    tokens: usize,
    unknown: usize,
}

/// Token ids in the narrowest type that holds the vocabulary.
#[derive(Clone, Debug)]
enum Ids {
    Narrow(Vec<u16>),
    Wide(Vec<u32>),
}

/// The sequence under construction, and those that are full.
struct Packer {
    sequences: Sequences,
    /// What goes between `[CLS]` and the last `[SEP]`.
    body: Vec<u32>,
}

/// Encodes `documents` and packs them into sequences of `seq_len` tokens.
///
/// # Errors
/// If `seq_len` is below 8, the tokenizer fails, or the documents hold no token at all.
pub fn pack(documents: &[Document], tokenizer: &Tokenizer, seq_len: usize) -> Result<Sequences> {
    let vocab_size = tokenizer::vocab_size(tokenizer);
    let mut packer = Packer::new(seq_len, vocab_size, SpecialTokens::of(tokenizer)?)?;
    for chunk in documents.chunks(CHUNK) {
        tokenizer::encode(tokenizer, chunk)?.iter().for_each(|ids| packer.document(ids));
    }
    packer.finish()
}

impl Packer {
    fn new(seq_len: usize, vocab_size: usize, special: SpecialTokens) -> Result<Self> {
        ensure!(seq_len >= MIN_SEQ_LEN, "seq_len {seq_len} is too short; the shortest is {MIN_SEQ_LEN}");
        let ids = if vocab_size <= 1 << 16 { Ids::Narrow(Vec::new()) } else { Ids::Wide(Vec::new()) };
        let sequences = Sequences { ids, seq_len, special, tokens: 0, unknown: 0 };
        Ok(Self { sequences, body: Vec::with_capacity(seq_len) })
    }

    /// The room between `[CLS]` and the last `[SEP]`.
    fn capacity(&self) -> usize {
        self.sequences.seq_len - 2
    }

    fn document(&mut self, ids: &[u32]) {
        let Sequences { tokens, unknown, special, .. } = &mut self.sequences;
        *tokens += ids.len();
        *unknown += ids.iter().filter(|&&id| id == special.unk).count();
        if !ids.is_empty() && !self.body.is_empty() {
            self.separate();
        }
        for &id in ids {
            self.body.push(id);
            if self.body.len() == self.capacity() {
                self.close();
            }
        }
    }

    /// Ends the document before: by `[SEP]`, or by a new sequence if no token would follow it in this one.
    fn separate(&mut self) {
        if self.body.len() + 1 < self.capacity() {
            self.body.push(self.sequences.special.sep);
        } else {
            self.close();
        }
    }

    fn close(&mut self) {
        let Sequences { ids, seq_len, special, .. } = &mut self.sequences;
        let padding = *seq_len - 2 - self.body.len();
        ids.extend([special.cls]);
        ids.extend(self.body.drain(..));
        ids.extend([special.sep]);
        ids.extend(std::iter::repeat_n(special.pad, padding));
    }

    fn finish(mut self) -> Result<Sequences> {
        if !self.body.is_empty() {
            self.close();
        }
        ensure!(
            !self.sequences.is_empty(),
            "the documents hold no token: the tokenizer drops all of their text"
        );
        Ok(self.sequences)
    }
}

impl Ids {
    /// Appends; narrow ids fit because the vocabulary does.
    fn extend(&mut self, new: impl IntoIterator<Item = u32>) {
        match self {
            Self::Narrow(ids) => ids.extend(new.into_iter().map(|id| id as u16)),
            Self::Wide(ids) => ids.extend(new),
        }
    }
}

impl Sequences {
    /// The number of sequences.
    pub fn len(&self) -> usize {
        let ids = match &self.ids {
            Ids::Narrow(ids) => ids.len(),
            Ids::Wide(ids) => ids.len(),
        };
        ids / self.seq_len
    }

    /// Whether there is no sequence.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The length of each sequence.
    pub fn seq_len(&self) -> usize {
        self.seq_len
    }

    /// The special tokens the sequences were packed with.
    pub fn special(&self) -> SpecialTokens {
        self.special
    }

    /// The tokens of the text, without special tokens.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// The share of the text's tokens that the vocabulary could not spell.
    pub fn unknown_share(&self) -> f64 {
        self.unknown as f64 / self.tokens.max(1) as f64
    }

    /// Adds the sequences to a digest: texts that pack alike count as one.
    pub fn digest(&self, hasher: &mut impl Digest) {
        match &self.ids {
            Ids::Narrow(ids) => ids.iter().for_each(|id| hasher.update(u32::from(*id).to_le_bytes())),
            Ids::Wide(ids) => ids.iter().for_each(|id| hasher.update(id.to_le_bytes())),
        }
    }

    /// The `seq_len` ids of a sequence. `index` must be below [`Sequences::len`].
    pub fn row(&self, index: usize) -> Vec<u32> {
        let range = index * self.seq_len..(index + 1) * self.seq_len;
        match &self.ids {
            Ids::Narrow(ids) => ids[range].iter().map(|&id| id.into()).collect(),
            Ids::Wide(ids) => ids[range].to_vec(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SPECIAL: SpecialTokens = SpecialTokens { pad: 0, unk: 1, cls: 2, sep: 3, mask: 4 };

    fn packed(documents: &[Vec<u32>], seq_len: usize, vocab_size: usize) -> Result<Sequences> {
        let mut packer = Packer::new(seq_len, vocab_size, SPECIAL)?;
        documents.iter().for_each(|ids| packer.document(ids));
        packer.finish()
    }

    fn rows(sequences: &Sequences) -> Vec<Vec<u32>> {
        (0..sequences.len()).map(|index| sequences.row(index)).collect()
    }

    proptest! {
        #[test]
        fn packing_drops_no_token_and_keeps_their_order(
            documents in prop::collection::vec(prop::collection::vec(5u32..70_000, 0..40), 1..30),
            seq_len in 8usize..40,
        ) {
            let expected: Vec<u32> = documents.iter().flatten().copied().collect();
            prop_assume!(!expected.is_empty());
            let sequences = packed(&documents, seq_len, 70_000).unwrap();
            let rows = rows(&sequences);
            let text: Vec<u32> = rows.iter().flatten().copied().filter(|&id| !SPECIAL.contains(id)).collect();
            prop_assert_eq!(text, expected);
            for row in &rows {
                let used = row.iter().rposition(|&id| id != SPECIAL.pad).unwrap() + 1;
                prop_assert_eq!((row.len(), row[0], row[used - 1]), (seq_len, SPECIAL.cls, SPECIAL.sep));
                prop_assert!(used >= 3 && !row[..used].contains(&SPECIAL.pad));
                prop_assert!(!row[..used].windows(2).any(|pair| pair == [SPECIAL.sep; 2]));
            }
            let padded = rows[..rows.len() - 1].iter().flatten().filter(|&&id| id == SPECIAL.pad).count();
            prop_assert!(padded <= rows.len(), "only the last sequence may be far from full");
        }
    }

    #[test]
    fn documents_are_separated_inside_a_sequence() {
        let sequences = packed(&[vec![10, 11, 12], vec![20, 21, 22, 23], vec![30]], 8, 100).unwrap();
        assert_eq!(rows(&sequences), [[2, 10, 11, 12, 3, 20, 21, 3], [2, 22, 23, 3, 30, 3, 0, 0]]);
        assert_eq!(sequences.tokens(), 8);
    }

    #[test]
    fn a_document_that_fills_its_sequences_leaves_no_empty_one() {
        let sequences = packed(&[(10..22).collect(), vec![]], 8, 100).unwrap();
        assert_eq!(rows(&sequences), [[2, 10, 11, 12, 13, 14, 15, 3], [2, 16, 17, 18, 19, 20, 21, 3]]);
    }

    #[test]
    fn narrow_and_wide_storage_hold_the_same() {
        let documents = [vec![10, 11, 1, 12], vec![20; 30]];
        let (narrow, wide) =
            (packed(&documents, 16, 65_536).unwrap(), packed(&documents, 16, 65_537).unwrap());
        assert!(matches!((&narrow.ids, &wide.ids), (Ids::Narrow(_), Ids::Wide(_))));
        assert_eq!(rows(&narrow), rows(&wide));
        assert!((narrow.unknown_share() - 1. / 34.).abs() < 1e-12);
    }

    #[test]
    fn short_sequences_and_empty_text_are_refused() {
        let error = packed(&[vec![10]], 7, 100).unwrap_err().to_string();
        assert_eq!(error, "seq_len 7 is too short; the shortest is 8");
        assert!(packed(&[vec![]], 8, 100).is_err());
    }
}
