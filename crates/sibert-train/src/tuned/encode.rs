//! Texts and pairs of texts as token ids.

use anyhow::{Context, Result, anyhow};
use sibert_data::contained::contained;
use sibert_data::examples::Example;
use sibert_data::squad::Window;
use sibert_data::tokenizer::SpecialTokens;
use tokenizers::utils::truncation::{TruncationDirection, TruncationStrategy};
use tokenizers::{EncodeInput, Encoding, Tokenizer, TruncationParams};

use crate::console::note;

/// One input of the model, not padded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// Token ids, the special ones included.
    pub ids: Vec<u32>,
    /// Segment of each token.
    pub types: Vec<u32>,
}

impl Sequence {
    /// Its length in tokens.
    pub fn len(&self) -> usize {
        self.ids.len()
    }
}

impl From<Window> for Sequence {
    fn from(window: Window) -> Self {
        Self { ids: window.input_ids, types: window.token_type_ids }
    }
}

/// The inputs of some examples.
pub struct Encoded {
    /// One for each example, in its order.
    pub sequences: Vec<Sequence>,
    /// How many were too long and lost tokens.
    pub cut: usize,
}

/// `[CLS] text [SEP]` or `[CLS] text [SEP] pair [SEP]`, of at most `max_seq_len` tokens.
///
/// A longer input loses tokens at its end, a pair always those of its longer half: `longest_first`, as in
/// transformers' run_glue.
///
/// # Errors
/// If the tokenizer fails on a text.
pub fn encode(examples: &[Example], tokenizer: &Tokenizer, max_seq_len: usize) -> Result<Encoded> {
    let mut tokenizer = tokenizer.clone();
    let truncation = TruncationParams {
        direction: TruncationDirection::Right,
        max_length: max_seq_len,
        strategy: TruncationStrategy::LongestFirst,
        stride: 0,
    };
    tokenizer.with_truncation(Some(truncation)).map_err(|error| anyhow!(error))?;
    let input = |example: &Example| -> EncodeInput {
        match &example.pair {
            Some(pair) => (example.text.clone(), pair.clone()).into(),
            None => example.text.clone().into(),
        }
    };
    let inputs = examples.iter().map(input).collect();
    let encodings = contained(|| tokenizer.encode_batch_fast(inputs, true).map_err(|error| anyhow!(error)))
        .context("the tokenizer fails")?;
    let cut = encodings.iter().filter(|encoding| !encoding.get_overflowing().is_empty()).count();
    let sequence = |encoding: &Encoding| Sequence {
        ids: encoding.get_ids().to_vec(),
        types: encoding.get_type_ids().to_vec(),
    };
    Ok(Encoded { sequences: encodings.iter().map(sequence).collect(), cut })
}

/// Says so if more than a hundredth of the tokens of `what` stand for what the vocabulary cannot spell.
///
/// # Errors
/// If the tokenizer has no token for that.
pub fn warn_of_unknown(what: &str, sequences: &[Sequence], tokenizer: &Tokenizer) -> Result<()> {
    let unk = SpecialTokens::of(tokenizer)?.unk;
    let ids = || sequences.iter().flat_map(|sequence| &sequence.ids);
    let (all, unknown) = (ids().count(), ids().filter(|&&id| id == unk).count());
    if unknown * 100 > all {
        note(format!(
            "{what}: {:.1} % of the tokens are [UNK], words that the vocabulary cannot spell: is it the model's tokenizer, \
             and of this language and case?",
            100. * unknown as f64 / all as f64
        ));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use sibert_data::tokenizer;

    use super::*;

    const WORDS: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\nd\n";

    fn example(text: &str, pair: Option<&str>) -> Example {
        Example { text: text.into(), pair: pair.map(str::to_owned), target: None }
    }

    #[test]
    fn pairs_have_two_segments_and_the_longer_half_is_cut() {
        let tokenizer = tokenizer::of_words(WORDS).unwrap();
        let examples = [example("a b", None), example("a b", Some("c d c d c")), example("a", Some("d"))];
        let Encoded { sequences, cut } = encode(&examples, &tokenizer, 8).unwrap();
        assert_eq!(sequences[0], Sequence { ids: vec![2, 5, 6, 3], types: vec![0; 4] });
        assert_eq!(sequences[1].ids, [2, 5, 6, 3, 7, 8, 7, 3]);
        assert_eq!(sequences[1].types, [0, 0, 0, 0, 1, 1, 1, 1]);
        assert_eq!((sequences[2].len(), cut), (5, 1));
    }
}
