//! The score to beat: always guessing the most frequent token.

use super::batches::HeldOutBatches;
use super::shards;
use super::tokenizer::SpecialTokens;

/// Ids that are counted; more do not change which one is the most frequent.
const COUNTED: u64 = 10_000_000;
/// Ids read at a time.
const CHUNK: usize = 1 << 16;

/// A guess that ignores its input, and how often it is right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrequencyGuess {
    /// The most frequent ordinary token of the text to train on; the lowest id if several are.
    pub token: u32,
    /// The share of the held-out masked tokens that are this token.
    pub accuracy: f64,
}

impl FrequencyGuess {
    /// Counts the first ten million ids of the text to train on, or all if there are fewer, and scores the most
    /// frequent token on the masks of the first `count` held-out sequences.
    pub fn new(
        train: &shards::Stream,
        special: SpecialTokens,
        held_out: &HeldOutBatches,
        count: usize,
    ) -> Self {
        let token = most_frequent(train, special);
        let (mut right, mut all) = (0, 0);
        for batch in held_out.first(count, 64) {
            right += batch.labels.iter().filter(|&&label| label == token).count();
            all += batch.labels.len();
        }
        Self { token, accuracy: right as f64 / all.max(1) as f64 }
    }
}

fn most_frequent(train: &shards::Stream, special: SpecialTokens) -> u32 {
    let mut counts: Vec<u64> = Vec::new();
    let mut ids = Vec::with_capacity(CHUNK);
    let end = train.len().min(COUNTED);
    for start in (0..end).step_by(CHUNK) {
        ids.clear();
        train.read(start..end.min(start + CHUNK as u64), &mut ids);
        for &id in &ids {
            let id = id as usize;
            if id >= counts.len() {
                counts.resize(id + 1, 0);
            }
            counts[id] += 1;
        }
    }
    let ordinary = (0..counts.len()).filter(|&id| !special.contains(id as u32));
    ordinary.max_by_key(|&id| (counts[id], std::cmp::Reverse(id))).map_or(0, |id| id as u32)
}
