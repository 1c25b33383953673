//! Dynamic masking for masked-language modelling (Devlin et al. 2019, section 3.1).
//!
//! Of a sequence's `n` ordinary tokens exactly `max(1, round(n · p))` are predicted, or as many as are allowed, drawn
//! uniformly without replacement; each becomes `[MASK]` with probability 0.8, a random token with 0.1, and stays with
//! 0.1, unless the settings say otherwise.
//!
//! Of whole words, a word's pieces are predicted together: words are drawn in random order, and one with more pieces
//! than may still be predicted is passed over. A piece `##x` behind a special token counts as a word's beginning.
//!
//! Two details differ from BERT's script. `n` leaves out the special tokens, so the rate is `p` of what can be
//! masked. A random token is drawn from the whole vocabulary but the five special tokens, which BERT includes: in
//! 30,522 entries that is invisible, in a vocabulary of 1,000 it would put stray `[CLS]` into the text.

use anyhow::{Result, ensure};
use tokenizers::Tokenizer;

use super::random::Stream;
use super::tokenizer::{self, SpecialTokens};
use super::wordpiece::CONTINUATION;

/// How much is masked, and how; names are those of Hugging Face and BERT.
#[derive(Clone, Debug, PartialEq)]
pub struct MaskingSettings {
    /// The fraction of the ordinary tokens that is predicted.
    pub mask_probability: f64,
    /// The share of them that becomes `[MASK]`.
    pub mask_replace_prob: f64,
    /// The share of them that becomes a random token; the rest stays.
    pub random_replace_prob: f64,
    /// The most predictions in a sequence.
    pub max_predictions_per_seq: Option<usize>,
    /// Whether all pieces of a word are predicted together.
    pub whole_word_masking: bool,
}

impl Default for MaskingSettings {
    fn default() -> Self {
        Self {
            mask_probability: 0.15,
            mask_replace_prob: 0.8,
            random_replace_prob: 0.1,
            max_predictions_per_seq: None,
            whole_word_masking: false,
        }
    }
}

impl MaskingSettings {
    /// Refuses settings that cannot be meant.
    ///
    /// # Errors
    /// Names the first key that breaks a rule, its value and the rule.
    pub fn validate(&self) -> Result<()> {
        let Self { mask_probability, mask_replace_prob: mask, random_replace_prob: random, .. } = *self;
        ensure!(
            mask_probability > 0. && mask_probability < 1.,
            "mask_probability is {mask_probability}, expected above 0 and below 1; BERT uses 0.15"
        );
        for (key, share) in [("mask_replace_prob", mask), ("random_replace_prob", random)] {
            ensure!((0. ..=1.).contains(&share), "{key} is {share}, expected 0 to 1");
        }
        ensure!(
            mask + random <= 1. + f64::EPSILON,
            "mask_replace_prob {mask} and random_replace_prob {random} are {} together, expected at most 1",
            mask + random
        );
        ensure!(
            self.max_predictions_per_seq != Some(0),
            "max_predictions_per_seq is 0, expected at least 1; BERT uses 20 for 128 tokens"
        );
        Ok(())
    }
}

/// Which tokens are predicted, and what the model sees in their place.
#[derive(Clone, Debug)]
pub struct Masking {
    settings: MaskingSettings,
    vocab_size: usize,
    special: SpecialTokens,
    /// Of whole words: which ids continue one.
    continuations: Option<IdSet>,
}

/// A set of token ids, a bit each.
#[derive(Clone, Debug)]
struct IdSet(Vec<u64>);

/// One predicted token: its place in the sequence and what stood there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Masked {
    /// The index in the sequence.
    pub position: usize,
    /// The token to predict.
    pub label: u32,
}

impl Masking {
    /// Masks the ids of a tokenizer.
    ///
    /// # Errors
    /// If a setting is out of range, the vocabulary holds nothing but special tokens, or whole words are asked for
    /// and nothing in it continues one.
    pub fn new(settings: &MaskingSettings, tokenizer: &Tokenizer) -> Result<Self> {
        let continuations = || {
            let tokens = tokenizer.get_vocab(true).into_iter();
            tokens.filter(|(token, _)| token.starts_with(CONTINUATION)).map(|(_, id)| id).collect::<Vec<_>>()
        };
        let continuations = settings.whole_word_masking.then(continuations);
        let special = SpecialTokens::of(tokenizer)?;
        Self::of_ids(settings, tokenizer::vocab_size(tokenizer), special, continuations)
    }

    fn of_ids(
        settings: &MaskingSettings,
        vocab_size: usize,
        special: SpecialTokens,
        continuations: Option<Vec<u32>>,
    ) -> Result<Self> {
        settings.validate()?;
        ensure!(
            vocab_size > special.all().len(),
            "vocab_size {vocab_size} leaves no ordinary token to predict"
        );
        ensure!(
            continuations.as_ref().is_none_or(|ids| !ids.is_empty()),
            "whole_word_masking is true, but no token begins with {CONTINUATION}: expected a WordPiece tokenizer"
        );
        let continuations = continuations.map(|ids| IdSet::new(&ids, vocab_size));
        Ok(Self { settings: settings.clone(), vocab_size, special, continuations })
    }

    /// Masks `ids` in place; returns what was masked, by rising position.
    ///
    /// A sequence without ordinary tokens is left as it is; of whole words, so is one whose words are all too long.
    pub fn apply(&self, ids: &mut [u32], stream: &mut Stream) -> Vec<Masked> {
        let mut positions = self.ordinary(ids);
        let count = self.count(positions.len());
        match &self.continuations {
            None => {
                stream.draw_to_front(&mut positions, count);
                positions.truncate(count);
            }
            Some(continuations) => positions = whole_words(ids, &positions, continuations, count, stream),
        }
        positions.sort_unstable();
        let mask = |position: u32| {
            let position = position as usize;
            let label = ids[position];
            ids[position] = self.replacement(label, stream);
            Masked { position, label }
        };
        positions.into_iter().map(mask).collect()
    }

    /// The positions of the ordinary tokens; without a branch, which would be mispredicted.
    fn ordinary(&self, ids: &[u32]) -> Vec<u32> {
        let mut positions = vec![0; ids.len()];
        let mut count = 0;
        for (i, &id) in ids.iter().enumerate() {
            positions[count] = i as u32;
            count += usize::from(!self.special.contains(id));
        }
        positions.truncate(count);
        positions
    }

    /// How many of `ordinary` tokens are predicted.
    fn count(&self, ordinary: usize) -> usize {
        let share = ordinary as f64 * self.settings.mask_probability;
        let most = self.settings.max_predictions_per_seq.unwrap_or(ordinary).min(ordinary);
        (share.round() as usize).max(1).min(most)
    }

    fn replacement(&self, label: u32, stream: &mut Stream) -> u32 {
        let MaskingSettings { mask_replace_prob: mask, random_replace_prob: random, .. } = self.settings;
        let choice = stream.unit();
        if choice < mask {
            self.special.mask
        } else if choice < mask + random {
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

/// The positions of whole words, drawn until `count` are found or no word is left that fits.
fn whole_words(
    ids: &[u32],
    ordinary: &[u32],
    continuations: &IdSet,
    count: usize,
    stream: &mut Stream,
) -> Vec<u32> {
    let mut words: Vec<(u32, u32)> = Vec::with_capacity(ordinary.len()); // from, to
    for &position in ordinary {
        match words.last_mut() {
            Some((_, end)) if *end == position && continuations.contains(ids[position as usize]) => *end += 1,
            _ => words.push((position, position + 1)),
        }
    }
    let mut chosen = Vec::with_capacity(count);
    for drawn in 0..words.len() {
        stream.draw_to_front(&mut words[drawn..], 1);
        let (start, end) = words[drawn];
        if chosen.len() + (end - start) as usize <= count {
            chosen.extend(start..end);
        }
        if chosen.len() == count {
            break;
        }
    }
    chosen
}

impl IdSet {
    fn new(ids: &[u32], vocab_size: usize) -> Self {
        let mut words = vec![0; vocab_size.div_ceil(64)];
        ids.iter().for_each(|&id| words[id as usize / 64] |= 1 << (id % 64));
        Self(words)
    }

    fn contains(&self, id: u32) -> bool {
        self.0.get(id as usize / 64).is_some_and(|word| word >> (id % 64) & 1 == 1)
    }
}

#[cfg(test)]
#[path = "masking_tests.rs"]
mod tests;
