//! Promise of the encoder: the ids of the `tokenizers` crate.

#![allow(clippy::unwrap_used)]

use std::sync::LazyLock;

use proptest::prelude::*;
use tokenizers::normalizers::{BertNormalizer, Lowercase};
use tokenizers::{AddedToken, TruncationParams};

use super::*;
use crate::source::Document;
use crate::tokenizer::{SpecialTokens, learn};
use crate::word_counts::WordCounts;
use crate::{builtin, tokenizer};

const UNUSUAL: &str = "größe naïve Ça ÎLE İstanbul ǅ ﬁ ẞ ß Σίσυφος ΟΔΟΣ привет Й 東京 字 한국어 हिन्दी \u{301} \
    x\u{301}\u{327} … « » — ’ № ½ a\u{200d}b 👩\u{200d}🚀 𝒳 \u{2f81a} q1 w22 [MASK] $ # ## ##a [UNK";

fn learned(lowercase: bool) -> Tokenizer {
    let mut documents = builtin::documents(3, 300);
    documents.push(Document { text: [UNUSUAL; 3].join(" ") });
    let mut counts = WordCounts::default();
    counts.add(&documents);
    learn(&counts.normalized(lowercase).unwrap(), 2000, lowercase).unwrap()
}

static UNCASED: LazyLock<Tokenizer> = LazyLock::new(|| learned(true));
static CASED: LazyLock<Tokenizer> = LazyLock::new(|| learned(false));

fn with_normalizer(normalizer: Option<impl Into<NormalizerWrapper>>) -> Tokenizer {
    let mut tokenizer = CASED.clone();
    tokenizer.with_normalizer(normalizer).unwrap();
    tokenizer
}

/// Encoders that work by words, whatever the normaliser does or leaves, and their tokenizers to compare with.
static BY_WORDS: LazyLock<Vec<(Encoder, Tokenizer)>> = LazyLock::new(|| {
    let tokenizers = [
        UNCASED.clone(),
        CASED.clone(),
        with_normalizer(None::<BertNormalizer>),
        with_normalizer(Some(BertNormalizer::new(false, true, Some(true), false))),
        with_normalizer(Some(BertNormalizer::new(true, false, Some(false), true))),
    ];
    assert!(tokenizers.iter().all(works_by_words));
    tokenizers.map(|tokenizer| (Encoder::new(&tokenizer).unwrap(), plain(&tokenizer))).into()
});

/// To the copy, special tokens in the text are ordinary text.
fn plain(tokenizer: &Tokenizer) -> Tokenizer {
    let mut plain = tokenizer.clone();
    plain.set_encode_special_tokens(true);
    plain
}

fn crate_ids(plain: &Tokenizer, text: &str) -> Vec<u32> {
    plain.encode_fast(text, false).unwrap().get_ids().to_vec()
}

fn expected(tokenizer: &Tokenizer, text: &str) -> Vec<u32> {
    crate_ids(&plain(tokenizer), text)
}

fn encoded(tokenizer: &Tokenizer, text: &str) -> Vec<u32> {
    let encoder = Encoder::new(tokenizer).unwrap();
    let mut ids = Vec::new();
    encoder.encode(text, &mut encoder.cache(), &mut ids).unwrap();
    ids
}

fn works_by_words(tokenizer: &Tokenizer) -> bool {
    matches!(Method::of(tokenizer), Method::ByWords { .. })
}

/// Text of what is hard: white space and control characters of all kinds, marks, punctuation, Chinese, emoji, text
/// that spells special tokens, very long words; and anything else.
fn hard_text() -> impl Strategy<Value = String> {
    let hard = "[ \t\r\n\u{b}\u{c}\u{85}\u{a0}\u{1680}\u{2028}\u{2029}\u{3000}\0\u{7}\u{1b}\u{1f}\u{7f}\u{ad}\
                \u{200b}\u{200d}\u{feff}\u{fffd}\u{e000}\u{300}\u{301}\u{323}\u{327}\u{345}\u{5b0}\u{93e}\u{94d}\
                .,!?$+<=>^`|~'\"()_\u{2019}\u{2026}。！、«»№½¡\
                字東京\u{3400}\u{20000}\u{f900}\u{2f81a}가각ᄀ한हिन्дйИİıßẞΣςǅﬁéÉñÑÅÅaAbzZ019👩🚀𝒳]";
    let spelled = "\\[MASK\\]|\\[mask\\]|\\[UNK|\\[SEP\\]x|##a|the|The|THE|capital|word\\.";
    let part = prop_oneof![
        6 => hard.prop_map(|text: String| text),
        2 => spelled.prop_map(|text: String| text),
        2 => " ".prop_map(|text: String| text),
        1 => "[a-c\u{301}é字]{20,130}".prop_map(|text: String| text),
        1 => any::<String>(),
    ];
    prop::collection::vec(part, 0..30).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn ids_are_those_of_the_tokenizers_crate(texts in prop::collection::vec(hard_text(), 1..4)) {
        for (encoder, plain) in BY_WORDS.iter() {
            let mut cache = encoder.cache();
            for text in texts.iter().chain(&texts) {
                let mut ids = vec![7];
                encoder.encode(text, &mut cache, &mut ids).unwrap();
                prop_assert_eq!(&ids[1..], crate_ids(plain, text), "{:?}", text);
            }
        }
    }

    #[test]
    fn sentences_have_the_ids_of_the_whole_text(text in hard_text()) {
        for (encoder, plain) in BY_WORDS.iter() {
            let (mut ids, mut starts) = (vec![7, 7], Vec::new());
            encoder.encode_sentences(&text, &mut encoder.cache(), &mut ids, &mut starts).unwrap();
            prop_assert_eq!(&ids[2..], crate_ids(plain, &text), "{:?}", text);
            prop_assert!(starts.first().is_none_or(|&first| first == 0) && starts.is_empty() == (ids.len() == 2));
            prop_assert!(starts.is_sorted_by(|one, next| one < next));
        }
    }
}

#[test]
fn the_hard_words_are_in_the_vocabulary() {
    for tokenizer in [&*UNCASED, &*CASED] {
        let unk = SpecialTokens::of(tokenizer).unwrap().unk;
        let ids = encoded(tokenizer, UNUSUAL);
        assert!(
            ids.len() > 40 && !ids.contains(&unk),
            "else the tests above compare [UNK] with [UNK]: {ids:?}"
        );
    }
}

#[test]
fn sentences_start_where_their_ids_do() {
    let encoder = Encoder::new(&UNCASED).unwrap();
    let (mut ids, mut starts) = (vec![9; 5], Vec::new());
    let text = "The capital of France is Paris. \u{7} One is one. It is so.";
    encoder.encode_sentences(text, &mut encoder.cache(), &mut ids, &mut starts).unwrap();
    let token = |start: u32| UNCASED.id_to_token(ids[5 + start as usize]).unwrap();
    assert_eq!(starts.iter().map(|&start| token(start)).collect::<Vec<_>>(), ["the", "one", "it"]);
}

#[test]
fn special_tokens_in_the_text_are_ordinary_text() {
    let special = SpecialTokens::of(&UNCASED).unwrap();
    let ids = encoded(&UNCASED, "the [MASK] is [SEP] red [PAD]");
    assert!(![special.mask, special.sep, special.pad].iter().any(|id| ids.contains(id)), "{ids:?}");
}

#[test]
fn tokenizers_of_other_parts_are_asked_about_the_text_itself() {
    let mut added = UNCASED.clone();
    added.add_tokens([AddedToken::from("capital of", false)]).unwrap();
    let other = with_normalizer(Some(Lowercase));
    for tokenizer in [added, other] {
        assert!(!works_by_words(&tokenizer));
        let text = "The capital of France, [MASK] größe.";
        assert_eq!(encoded(&tokenizer, text), expected(&tokenizer, text));
    }
}

#[test]
fn truncation_of_the_tokenizer_is_switched_off() {
    let mut short = UNCASED.clone();
    short.with_truncation(Some(TruncationParams { max_length: 2, ..Default::default() })).unwrap();
    let text = "the capital of france is paris.";
    assert_eq!(encoded(&short, text), expected(&UNCASED, text));
}

#[test]
fn a_full_cache_changes_nothing() {
    let encoder = Encoder::new(&UNCASED).unwrap();
    let mut cache = encoder.cache();
    let text: String = (0..MOST_WORDS + 20_000).map(|number| format!("{number:x} ")).collect();
    let (mut ids, mut again) = (Vec::new(), Vec::new());
    encoder.encode(&text, &mut cache, &mut ids).unwrap();
    assert!(cache.places.len() < MOST_WORDS && cache.ids.len() <= MOST_IDS);
    encoder.encode(&text, &mut cache, &mut again).unwrap();
    assert!(ids == again);
    assert_eq!(ids[..100], expected(&UNCASED, &text[..2000])[..100]);
}

#[test]
#[should_panic(expected = "the word cache is of another encoder")]
fn a_cache_of_another_encoder_is_refused() {
    let [one, other] = [&*UNCASED, &*CASED].map(|tokenizer| Encoder::new(tokenizer).unwrap());
    let _ = one.encode("text", &mut other.cache(), &mut Vec::new());
}

#[test]
fn a_tokenizer_that_fails_is_reported() {
    use tokenizers::models::wordpiece::WordPiece;
    let mut tokenizer = tokenizer::splitter(true).unwrap();
    tokenizer.with_model(WordPiece::default());
    let encoder = Encoder::new(&tokenizer).unwrap();
    let error = encoder.encode("x", &mut encoder.cache(), &mut Vec::new()).unwrap_err().to_string();
    assert_eq!(error, "the tokenizer: WordPiece error: Missing [UNK] token from the vocabulary");
}

#[test]
fn long_pieces_are_cut_only_at_white_space() {
    let text = ["word ", "größe "].map(|word| word.repeat(30_000)).concat();
    let cut: Vec<&str> = long_pieces(&text).collect();
    assert!(cut.len() > 3 && cut.concat() == text);
    assert!(cut[1..].iter().all(|piece| piece.starts_with(' ')));
    assert_eq!(long_pieces(&"x".repeat(200_000)).count(), 1);
    assert_eq!(long_pieces("").count(), 0);
}
