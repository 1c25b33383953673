//! Texts and pairs of texts as token ids.

use anyhow::{Context, Result, anyhow, ensure};
use sibert_data::contained::contained;
use sibert_data::cut::{max_context, parts};
use sibert_data::examples::Example;
use sibert_data::squad::Window;
use sibert_data::tokenizer::SpecialTokens;
use tokenizers::utils::truncation::{TruncationDirection, TruncationStrategy};
use tokenizers::{EncodeInput, Encoding, InputSequence, Tokenizer, TruncationParams};

use crate::console::note;

/// One input of the model, not padded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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

/// A sentence, or as much of it as a model sees at once: `[CLS] words [SEP]`.
pub struct WordWindow {
    /// Which of the sentences it is of.
    pub sentence: usize,
    /// The input.
    pub sequence: Sequence,
    /// The words that are asked here: those whose first token no other window shows more around.
    pub places: Vec<WordPlace>,
}

/// The windows of each sentence, in order: one of a sentence of at most `max_seq_len` tokens, of a longer one as many as it
/// takes, neighbours of which share `shared` tokens. Each word is asked in one of them, as SQuAD's answers are.
///
/// # Errors
/// If the tokenizer fails on a word, or `shared` leaves no step to a long sentence.
pub fn encode_words(
    sentences: Vec<Vec<String>>,
    tokenizer: &Tokenizer,
    max_seq_len: usize,
    shared: usize,
) -> Result<Vec<WordWindow>> {
    let mut tokenizer = tokenizer.clone();
    tokenizer.with_truncation(None).map_err(|error| anyhow!(error))?;
    let SpecialTokens { cls, sep, .. } = SpecialTokens::of(&tokenizer)?;
    let input = |words: Vec<String>| EncodeInput::Single(InputSequence::PreTokenizedOwned(words.into()));
    let inputs: Vec<EncodeInput> = sentences.into_iter().map(input).collect();
    // not `encode_batch_fast`, which forgets the words
    let encodings = contained(|| tokenizer.encode_batch(inputs, false).map_err(|error| anyhow!(error)))
        .context("the tokenizer fails")?;
    let room = max_seq_len.saturating_sub(2).max(1);
    let mut windows = Vec::new();
    for (sentence, encoding) in encodings.iter().enumerate() {
        let (ids, firsts) = (encoding.get_ids(), first_tokens(encoding.get_word_ids()));
        ensure!(
            ids.len() <= room || shared < room,
            "windows of {max_seq_len} tokens have room for {room} tokens of words, neighbours cannot share {shared}: give a \
             --doc-stride below {room}, or a longer --max-seq-len"
        );
        let parts = parts(ids.len(), room, shared);
        for (index, (part, asked)) in parts.iter().zip(max_context(&parts)).enumerate() {
            let here = firsts.iter().filter(|place| asked.contains(&place.token));
            let places = here.map(|place| WordPlace { token: place.token - part.start + 1, ..*place });
            let places: Vec<WordPlace> = places.collect();
            if index == 0 || !places.is_empty() {
                let ids = [&[cls], &ids[part.clone()], &[sep]].concat();
                let sequence = Sequence { types: vec![0; ids.len()], ids };
                windows.push(WordWindow { sentence, sequence, places });
            }
        }
    }
    Ok(windows)
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

    fn sentence(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn each_word_is_known_by_its_first_token() {
        let tokenizer = tokenizer::of_words(&format!("{WORDS}##b\n")).unwrap();
        let windows = encode_words(vec![sentence(&["a", "cb", "d"])], &tokenizer, 6, 0).unwrap();
        assert_eq!(windows[0].sequence, Sequence { ids: vec![2, 5, 7, 9, 8, 3], types: vec![0; 6] });
        let place = |word, token| WordPlace { word, token };
        assert_eq!(
            (windows.len(), &windows[0].places[..]),
            (1, &[place(0, 1), place(1, 2), place(2, 4)][..])
        );
    }

    #[test]
    fn a_word_of_a_long_sentence_is_asked_once_where_most_stands_around_it() {
        let tokenizer = tokenizer::of_words(&format!("{WORDS}##b\n")).unwrap();
        let words: Vec<&str> = ["a", "cbb", "d", "b"].into_iter().cycle().take(41).collect();
        let all = encode_words(vec![sentence(&words)], &tokenizer, 1000, 0).unwrap();
        let (whole, firsts) = (&all[0].sequence.ids, &all[0].places);
        for (most, shared) in [(6, 0), (7, 2), (12, 9), (20, 4)] {
            let windows =
                encode_words(vec![sentence(&["a"]), sentence(&words)], &tokenizer, most, shared).unwrap();
            assert_eq!((windows[0].sentence, windows[0].places.len()), (0, 1));
            let mut asked: Vec<usize> = Vec::new();
            for window in &windows[1..] {
                let ids = &window.sequence.ids;
                assert!(window.sentence == 1 && ids.len() <= most && ids[0] == 2 && ids.last() == Some(&3));
                for place in &window.places {
                    // where the window stands in the sentence, by the word; the ends of the sentence are ends of a window too
                    let start = firsts[place.word].token - place.token;
                    assert_eq!(ids[1..ids.len() - 1], whole[start + 1..][..ids.len() - 2]);
                    let (left, right) = (place.token - 1, ids.len() - 2 - place.token);
                    let is_end = start == 0 || start + ids.len() == whole.len();
                    assert!(
                        is_end || left.min(right) >= shared.saturating_sub(1) / 2,
                        "{left} {right} of {shared}"
                    );
                    asked.push(place.word);
                }
            }
            assert!(asked.into_iter().eq(0..words.len()), "{most} {shared}");
        }
        let error = encode_words(vec![sentence(&words)], &tokenizer, 8, 6).err().unwrap().to_string();
        assert!(error.contains("have room for 6 tokens of words, neighbours cannot share 6"), "{error}");
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
