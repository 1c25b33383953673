//! Dynamic masking for masked-language modelling (Devlin et al. 2019, section 3.1).
//!
//! Of a sequence's `n` ordinary tokens exactly `max(1, round(n · p))` are predicted, drawn uniformly without
//! replacement; each becomes `[MASK]` with probability 0.8, a random token with 0.1, and stays with 0.1.
//!
//! Two details differ from BERT's script. `n` leaves out the special tokens, so the rate is `p` of what can be
//! masked. A random token is drawn from the whole vocabulary but the five special tokens, which BERT includes: in
//! 30,522 entries that is invisible, in a vocabulary of 1,000 it would put stray `[CLS]` into the text.

use anyhow::{Result, ensure};

use super::random::Stream;
use super::tokenizer::SpecialTokens;

const MASKED: f64 = 0.8;
const RANDOM: f64 = 0.1;

/// Which tokens are predicted, and what the model sees in their place.
#[derive(Clone, Debug)]
pub struct Masking {
    probability: f64,
    vocab_size: usize,
    special: SpecialTokens,
}

/// One predicted token: its place in the sequence and what stood there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Masked {
    /// The index in the sequence.
    pub position: usize,
    /// The token to predict.
    pub label: u32,
}

impl Masking {
    /// Masks a fraction `probability` of the ordinary tokens.
    ///
    /// # Errors
    /// If `probability` is outside `(0, 1)`, or the vocabulary holds nothing but special tokens.
    pub fn new(probability: f64, vocab_size: usize, special: SpecialTokens) -> Result<Self> {
        ensure!(
            probability > 0. && probability < 1.,
            "mask_probability {probability} is not between 0 and 1; BERT uses 0.15"
        );
        ensure!(
            vocab_size > special.all().len(),
            "vocab_size {vocab_size} leaves no ordinary token to predict"
        );
        Ok(Self { probability, vocab_size, special })
    }

    /// Masks `ids` in place; returns what was masked, by rising position.
    ///
    /// A sequence without ordinary tokens is left as it is.
    pub fn apply(&self, ids: &mut [u32], stream: &mut Stream) -> Vec<Masked> {
        let mut positions: Vec<usize> = (0..ids.len()).filter(|&i| !self.special.contains(ids[i])).collect();
        let count = self.count(positions.len());
        stream.draw_to_front(&mut positions, count);
        positions.truncate(count);
        positions.sort_unstable();
        positions
            .into_iter()
            .map(|position| {
                let label = ids[position];
                ids[position] = self.replacement(label, stream);
                Masked { position, label }
            })
            .collect()
    }

    /// How many of `ordinary` tokens are predicted.
    fn count(&self, ordinary: usize) -> usize {
        ((ordinary as f64 * self.probability).round() as usize).max(1).min(ordinary)
    }

    fn replacement(&self, label: u32, stream: &mut Stream) -> u32 {
        let choice = stream.unit();
        if choice < MASKED {
            self.special.mask
        } else if choice < MASKED + RANDOM {
            self.random_token(stream)
        } else {
            label
        }
    }

    fn random_token(&self, stream: &mut Stream) -> u32 {
        loop {
            let id = stream.below(self.vocab_size) as u32;
            if !self.special.contains(id) {
                return id;
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::data::random::Purpose;

    const SPECIAL: SpecialTokens = SpecialTokens { pad: 0, unk: 1, cls: 2, sep: 3, mask: 4 };

    fn masking(probability: f64) -> Masking {
        Masking::new(probability, 1000, SPECIAL).unwrap()
    }

    /// `[CLS]`, 62 ordinary tokens with an `[UNK]` among them, `[SEP]`, and padding.
    fn sequence(seed: u32) -> Vec<u32> {
        let mut ids: Vec<u32> = (0..70).map(|i| 5 + (seed * 31 + i * 7) % 995).collect();
        (ids[0], ids[20], ids[63]) = (2, 1, 3);
        ids[64..].fill(0);
        ids
    }

    fn stream(row: u64) -> Stream {
        Stream::new(5, Purpose::TrainMasks, 0, row)
    }

    #[test]
    fn masking_rate_is_fifteen_percent() {
        let (mut masked, mut total) = (0, 0);
        for row in 0..2000 {
            let mut ids = sequence(row);
            total += ids.iter().filter(|&&id| !SPECIAL.contains(id)).count();
            masked += masking(0.15).apply(&mut ids, &mut stream(row.into())).len();
        }
        let rate = masked as f64 / total as f64;
        assert!((rate - 0.15).abs() < 0.01, "{rate}");
    }

    #[test]
    fn replacements_are_eighty_ten_ten() {
        let (mut mask, mut kept, mut random) = (0f64, 0f64, 0f64);
        for row in 0..6000 {
            let mut ids = sequence(row);
            for masked in masking(0.15).apply(&mut ids, &mut stream(row.into())) {
                match ids[masked.position] {
                    4 => mask += 1.,
                    id if id == masked.label => kept += 1.,
                    _ => random += 1.,
                }
            }
        }
        let total = mask + kept + random;
        assert!((mask / total - 0.8).abs() < 0.01, "{}", mask / total);
        assert!((kept / total - 0.1).abs() < 0.01, "{}", kept / total);
        assert!((random / total - 0.1).abs() < 0.01, "{}", random / total);
    }

    #[test]
    fn every_position_is_equally_likely() {
        let mut counts = [0usize; 70];
        for row in 0..12_000 {
            let mut ids = sequence(row);
            for masked in masking(0.15).apply(&mut ids, &mut stream(row.into())) {
                counts[masked.position] += 1;
            }
        }
        let ordinary: Vec<_> = (1..63).filter(|&i| i != 20).map(|i| counts[i]).collect();
        let mean = ordinary.iter().sum::<usize>() / ordinary.len();
        assert!(ordinary.iter().all(|count| count.abs_diff(mean) < mean / 8), "{ordinary:?}");
    }

    #[test]
    fn special_tokens_are_never_masked_nor_inserted() {
        for row in 0..500 {
            let before = sequence(row);
            let mut after = before.clone();
            let masked = masking(0.5).apply(&mut after, &mut stream(row.into()));
            for (i, (&old, &new)) in before.iter().zip(&after).enumerate() {
                let hit = masked.iter().find(|masked| masked.position == i);
                assert_eq!(hit.map_or(new, |masked| masked.label), old);
                assert!(!(SPECIAL.contains(old) && hit.is_some()));
                assert!(hit.is_none() || new == 4 || !SPECIAL.contains(new));
            }
        }
    }

    #[test]
    fn short_and_empty_sequences_are_masked_as_far_as_possible() {
        let mut one = [2, 9, 3];
        assert_eq!(masking(0.15).apply(&mut one, &mut stream(0)), [Masked { position: 1, label: 9 }]);
        let mut none = [2, 3, 0, 0];
        assert!(masking(0.15).apply(&mut none, &mut stream(0)).is_empty());
        assert_eq!(none, [2, 3, 0, 0]);
    }

    #[test]
    fn meaningless_probabilities_are_refused() {
        for probability in [0., 1., -0.1, f64::NAN] {
            let error = Masking::new(probability, 1000, SPECIAL).unwrap_err().to_string();
            assert!(error.starts_with("mask_probability "), "{error}");
        }
        assert!(Masking::new(0.15, 5, SPECIAL).is_err());
    }
}
