//! The scores to beat: always guessing the most frequent token, and knowing how frequent each token is.

use super::batches::HeldOutBatches;
use super::shards;
use super::tokenizer::SpecialTokens;

/// Ids that are counted; more do not change which one is the most frequent.
const COUNTED: u64 = 10_000_000;
/// Ids read at a time.
const CHUNK: usize = 1 << 16;

/// A guess that ignores its input, how often it is right, and what the frequencies behind it are worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrequencyGuess {
    /// The most frequent ordinary token of the text to train on; the lowest id if several are.
    pub token: u32,
    /// The share of the held-out masked tokens that are this token.
    pub accuracy: f64,
    /// The mean cross-entropy of the held-out masked tokens under the frequencies of the text to train on.
    ///
    /// A model that has learned no more than frequencies has this loss: runs pass their first steps on a plateau there.
    pub loss: f64,
}

impl FrequencyGuess {
    /// Counts the first ten million ids of the text to train on, or all if there are fewer, and scores them on the masks of
    /// the first `count` held-out sequences; a token never seen counts as seen once.
    pub fn new(
        train: &shards::Stream,
        special: SpecialTokens,
        held_out: &HeldOutBatches,
        count: usize,
    ) -> Self {
        let counts = counts(train, special);
        let most = (0..counts.len()).max_by_key(|&id| (counts[id], std::cmp::Reverse(id)));
        let token = most.map_or(0, |id| id as u32);
        let sum = counts.iter().map(|&count| count.max(1)).sum::<u64>().max(1) as f64;
        let (mut right, mut all, mut loss) = (0, 0, 0.);
        for label in held_out.first(count, 64).flat_map(|batch| batch.labels) {
            let seen = counts.get(label as usize).copied().unwrap_or_default().max(1);
            right += usize::from(label == token);
            loss -= (seen as f64 / sum).ln();
            all += 1;
        }
        let all = f64::from(all.max(1));
        Self { token, accuracy: right as f64 / all, loss: loss / all }
    }
}

/// How often each ordinary token occurs; special ones count as never.
fn counts(train: &shards::Stream, special: SpecialTokens) -> Vec<u64> {
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
    let specials = counts.iter_mut().enumerate().filter(|(id, _)| special.contains(*id as u32));
    specials.for_each(|(_, count)| *count = 0);
    counts
}
