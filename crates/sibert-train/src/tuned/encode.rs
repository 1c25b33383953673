//! Texts and pairs of texts as token ids.

use anyhow::{Context, Result, anyhow};
use sibert_data::contained::contained;
use sibert_data::examples::Example;
use sibert_data::squad::Window;
use sibert_data::tokenizer::SpecialTokens;
use tokenizers::utils::truncation::{TruncationDirection, TruncationStrategy};
use tokenizers::{EncodeInput, Encoding, InputSequence, Tokenizer, TruncationParams};

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

/// The first token of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordPlace {
    /// Which of the sentence's words.
    pub word: usize,
    /// Which of the input's tokens.
    pub token: usize,
}

/// `[CLS] words [SEP]` of each sentence, of at most `max_seq_len` tokens; where its words begin; and how many lost words.
///
/// # Errors
/// If the tokenizer fails on a word.
pub fn encode_words(
    sentences: Vec<Vec<String>>,
    tokenizer: &Tokenizer,
    max_seq_len: usize,
) -> Result<(Vec<Sequence>, Vec<Vec<WordPlace>>, usize)> {
    let mut tokenizer = tokenizer.clone();
    let truncation = TruncationParams { max_length: max_seq_len, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(truncation)).map_err(|error| anyhow!(error))?;
    let input = |words: Vec<String>| EncodeInput::Single(InputSequence::PreTokenizedOwned(words.into()));
    let inputs: Vec<EncodeInput> = sentences.into_iter().map(input).collect();
    // not `encode_batch_fast`, which forgets the words
    let encodings = contained(|| tokenizer.encode_batch(inputs, true).map_err(|error| anyhow!(error)))
        .context("the tokenizer fails")?;
    let cut = encodings.iter().filter(|encoding| !encoding.get_overflowing().is_empty()).count();
    let sequence = |encoding: &Encoding| Sequence {
        ids: encoding.get_ids().to_vec(),
        types: encoding.get_type_ids().to_vec(),
    };
    let places = encodings.iter().map(|encoding| first_tokens(encoding.get_word_ids())).collect();
    Ok((encodings.iter().map(sequence).collect(), places, cut))
}

/// Where each word begins among tokens, which each are of a word or, as `[CLS]`, of none.
fn first_tokens(words: &[Option<u32>]) -> Vec<WordPlace> {
    let mut places: Vec<WordPlace> = Vec::new();
    for (token, word) in words.iter().enumerate() {
        let Some(word) = word.map(|word| word as usize) else { continue };
        if places.last().is_none_or(|last| last.word != word) {
            places.push(WordPlace { word, token });
        }
    }
    places
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
    fn each_word_is_known_by_its_first_token() {
        let tokenizer = tokenizer::of_words(&format!("{WORDS}##b\n")).unwrap();
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let sentences = vec![words(&["a", "cb", "d"]), words(&["a", "b", "c", "d", "a"])];
        let (sequences, places, cut) = encode_words(sentences, &tokenizer, 6).unwrap();
        assert_eq!(sequences[0].ids, [2, 5, 7, 9, 8, 3]);
        let place = |word, token| WordPlace { word, token };
        assert_eq!(places[0], [place(0, 1), place(1, 2), place(2, 4)]);
        assert_eq!((sequences[1].len(), places[1].len(), cut), (6, 4, 1));
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
