//! Promises of masking: rates, shares, and special tokens left alone.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::random::Purpose;

const SPECIAL: SpecialTokens = SpecialTokens { pad: 0, unk: 1, cls: 2, sep: 3, mask: 4 };
const BERT: MaskingSettings = MaskingSettings {
    mask_probability: 0.15,
    mask_replace_prob: 0.8,
    random_replace_prob: 0.1,
    max_predictions_per_seq: None,
    whole_word_masking: false,
};
/// Of whole words, ids from here on continue one.
const CONTINUED: u32 = 700;

/// Masks ids below 1000.
fn masking(settings: MaskingSettings) -> Masking {
    let continuations = settings.whole_word_masking.then(|| (CONTINUED..1000).collect());
    Masking::of_ids(&settings, 1000, SPECIAL, continuations).unwrap()
}

/// `[CLS]`, ordinary tokens with an `[UNK]` among them, `[SEP]`, and padding.
fn sequence(seed: u32) -> Vec<u32> {
    let mut ids: Vec<u32> = (0..70).map(|i| 5 + (seed * 31 + i * 77) % 995).collect();
    (ids[0], ids[20], ids[63]) = (2, 1, 3);
    ids[64..].fill(0);
    ids
}

/// The same of 512 tokens.
fn long_sequence(seed: u32) -> Vec<u32> {
    let mut stream = Stream::new(1, Purpose::Text, 0, seed.into());
    let body = (0..510).map(|_| 5 + stream.below(995) as u32);
    [2].into_iter().chain(body).chain([3]).collect()
}

fn stream(row: u64) -> Stream {
    Stream::new(5, Purpose::TrainMasks, 0, row)
}

fn ordinary(ids: &[u32]) -> usize {
    ids.iter().filter(|&&id| !SPECIAL.contains(id)).count()
}

/// Shares of `[MASK]`, of random tokens and of kept ones among the predicted.
fn shares(settings: MaskingSettings) -> [f64; 3] {
    let masking = masking(settings);
    let mut counts = [0f64; 3];
    for row in 0..6000 {
        let mut ids = sequence(row);
        for masked in masking.apply(&mut ids, &mut stream(row.into())) {
            match ids[masked.position] {
                4 => counts[0] += 1.,
                id if id == masked.label => counts[2] += 1.,
                _ => counts[1] += 1.,
            }
        }
    }
    let sum: f64 = counts.iter().sum();
    counts.map(|count| count / sum)
}

#[test]
fn masking_rate_is_fifteen_percent_of_tokens_and_of_whole_words() {
    for whole_word_masking in [false, true] {
        let masking = masking(MaskingSettings { whole_word_masking, ..BERT });
        let (mut masked, mut total) = (0, 0);
        for row in 0..1000 {
            let mut ids = long_sequence(row);
            total += ordinary(&ids);
            masked += masking.apply(&mut ids, &mut stream(row.into())).len();
        }
        let rate = masked as f64 / total as f64;
        assert!((rate - 0.15).abs() < 0.01, "{rate}, whole words {whole_word_masking}");
    }
}

#[test]
fn replacements_are_eighty_ten_ten_or_as_they_are_set() {
    for (whole_word_masking, mask, random) in [
        (false, 0.8, 0.1),
        (true, 0.8, 0.1),
        (false, 1., 0.),
        (false, 0., 1.),
        (true, 0.3, 0.45),
        (false, 0., 0.),
    ] {
        let settings = MaskingSettings {
            mask_replace_prob: mask,
            random_replace_prob: random,
            whole_word_masking,
            ..BERT
        };
        let shares = shares(settings);
        for (share, expected) in shares.iter().zip([mask, random, 1. - mask - random]) {
            assert!((share - expected).abs() < 0.01, "{shares:?} for {mask}, {random}");
        }
    }
}

#[test]
fn every_position_is_equally_likely() {
    let masking = masking(BERT);
    let mut counts = [0usize; 70];
    for row in 0..12_000 {
        for masked in masking.apply(&mut sequence(row), &mut stream(row.into())) {
            counts[masked.position] += 1;
        }
    }
    let ordinary: Vec<_> = (1..63).filter(|&i| i != 20).map(|i| counts[i]).collect();
    let mean = ordinary.iter().sum::<usize>() / ordinary.len();
    assert!(ordinary.iter().all(|count| count.abs_diff(mean) < mean / 8), "{ordinary:?}");
}

#[test]
fn every_word_is_equally_likely_where_all_fit() {
    let masking = masking(MaskingSettings { whole_word_masking: true, mask_probability: 0.3, ..BERT });
    let words = [vec![10], vec![11, 800], vec![12], vec![13], vec![14, 801, 802], vec![15], vec![16, 803]];
    let row: Vec<u32> = words.concat(); // 11 tokens, of which 3 are predicted
    let mut counts = vec![0usize; row.len()];
    for number in 0..40_000 {
        let masked = masking.apply(&mut row.clone(), &mut stream(number));
        masked.iter().for_each(|masked| counts[masked.position] += 1);
    }
    let singles = [0, 3, 4, 8].map(|position| counts[position]);
    assert!(singles.iter().all(|&count| count.abs_diff(singles[0]) < singles[0] / 20), "{counts:?}");
    // the word of three pieces is taken when it is drawn first, which is one time in seven
    assert!((counts[5] as f64 / 40_000. - 1. / 7.).abs() < 0.01, "{counts:?}");
}

#[test]
fn whole_words_are_masked_whole_and_never_over_the_number() {
    let settings = MaskingSettings { whole_word_masking: true, max_predictions_per_seq: Some(8), ..BERT };
    let masking = masking(settings);
    for row in 0..2000 {
        let before = sequence(row);
        let masked = masking.apply(&mut before.clone(), &mut stream(row.into()));
        assert!(masked.len() <= 8, "{} masked", masked.len());
        let hit = |position: usize| masked.iter().any(|masked| masked.position == position);
        for position in 1..before.len() {
            let continues = before[position] >= CONTINUED && !SPECIAL.contains(before[position - 1]);
            if continues {
                assert_eq!(hit(position), hit(position - 1), "position {position} of {before:?}");
            }
        }
    }
}

#[test]
fn predictions_are_capped() {
    for cap in [1, 3, 20] {
        let masking = masking(MaskingSettings { max_predictions_per_seq: Some(cap), ..BERT });
        let counts = (0..100).map(|row| masking.apply(&mut sequence(row), &mut stream(row.into())).len());
        assert!(counts.into_iter().all(|count| count == cap.min(9)), "cap {cap}");
    }
}

#[test]
fn special_tokens_are_never_masked_nor_inserted() {
    for whole_word_masking in [false, true] {
        let masking = masking(MaskingSettings { mask_probability: 0.5, whole_word_masking, ..BERT });
        for row in 0..500 {
            let before = sequence(row);
            let mut after = before.clone();
            let masked = masking.apply(&mut after, &mut stream(row.into()));
            assert!(masked.is_sorted_by_key(|masked| masked.position));
            for (i, (&old, &new)) in before.iter().zip(&after).enumerate() {
                let hit = masked.iter().find(|masked| masked.position == i);
                assert_eq!(hit.map_or(new, |masked| masked.label), old);
                assert!(!(SPECIAL.contains(old) && hit.is_some()));
                assert!(hit.is_none() || new == 4 || !SPECIAL.contains(new));
            }
        }
    }
}

#[test]
fn short_and_empty_sequences_are_masked_as_far_as_possible() {
    let mut one = [2, 9, 3];
    assert_eq!(masking(BERT).apply(&mut one, &mut stream(0)), [Masked { position: 1, label: 9 }]);
    let mut none = [2, 3, 0, 0];
    assert!(masking(BERT).apply(&mut none, &mut stream(0)).is_empty());
    assert_eq!(none, [2, 3, 0, 0]);
    let whole = masking(MaskingSettings { whole_word_masking: true, ..BERT });
    assert!(
        whole.apply(&mut [2, 9, 800, 801, 3], &mut stream(0)).is_empty(),
        "one prediction, a word of three"
    );
}

#[test]
fn continuations_are_those_of_the_tokenizer() {
    let text = "aa ab ba bb aab abb bba";
    let documents = [super::super::source::Document { text: text.repeat(3) }];
    let tokenizer = tokenizer::train(&documents, 100).unwrap();
    let settings = MaskingSettings { whole_word_masking: true, ..BERT };
    let set = Masking::new(&settings, &tokenizer).unwrap().continuations.unwrap();
    for (token, id) in tokenizer.get_vocab(true) {
        assert_eq!(set.contains(id), token.starts_with("##"), "{token}");
    }
}

#[test]
fn meaningless_settings_are_refused() {
    for (settings, expected) in [
        (
            MaskingSettings { mask_probability: 0., ..BERT },
            "mask_probability is 0, expected above 0 and below 1",
        ),
        (MaskingSettings { mask_probability: 1., ..BERT }, "mask_probability is 1"),
        (MaskingSettings { mask_probability: f64::NAN, ..BERT }, "mask_probability is NaN"),
        (MaskingSettings { mask_replace_prob: -0.1, ..BERT }, "mask_replace_prob is -0.1, expected 0 to 1"),
        (MaskingSettings { random_replace_prob: 1.1, ..BERT }, "random_replace_prob is 1.1, expected 0 to 1"),
        (MaskingSettings { random_replace_prob: 0.3, ..BERT }, "are 1.1 together, expected at most 1"),
        (MaskingSettings { max_predictions_per_seq: Some(0), ..BERT }, "max_predictions_per_seq is 0"),
    ] {
        let error = settings.validate().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert!(Masking::of_ids(&BERT, 5, SPECIAL, None).is_err());
    let error = Masking::of_ids(&BERT, 9, SPECIAL, Some(vec![])).unwrap_err().to_string();
    assert!(error.contains("no token begins with ##"), "{error}");
}
