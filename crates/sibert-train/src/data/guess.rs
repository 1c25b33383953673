//! The score to beat: always guessing the most frequent token.

use super::batches::HeldOutBatches;
use super::pack::Sequences;

/// A guess that ignores its input, and how often it is right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrequencyGuess {
    /// The most frequent ordinary token of the training sequences; the lowest id if several are.
    pub token: u32,
    /// The share of the held-out masked tokens that are this token.
    pub accuracy: f64,
}

impl FrequencyGuess {
    /// Counts the training sequences, and scores their most frequent token on the held-out masks.
    pub fn new(train: &Sequences, held_out: &HeldOutBatches) -> Self {
        let token = most_frequent(train);
        let (mut right, mut all) = (0, 0);
        for batch in held_out.batches(64) {
            right += batch.labels.iter().filter(|&&label| label == token).count();
            all += batch.labels.len();
        }
        Self { token, accuracy: right as f64 / all.max(1) as f64 }
    }
}

fn most_frequent(sequences: &Sequences) -> u32 {
    let mut counts: Vec<u64> = Vec::new();
    for id in (0..sequences.len()).flat_map(|index| sequences.row(index)) {
        let id = id as usize;
        if id >= counts.len() {
            counts.resize(id + 1, 0);
        }
        counts[id] += 1;
    }
    let ordinary = (0..counts.len()).filter(|&id| !sequences.special().contains(id as u32));
    ordinary.max_by_key(|&id| (counts[id], std::cmp::Reverse(id))).map_or(0, |id| id as u32)
}
