//! Randomness as a value: a stream is a pure function of (seed, purpose, counter, row).
//!
//! Nothing here is carried from step to step, so a resumed run draws what the uninterrupted run drew. The sampling
//! is written out instead of taken from `rand`'s distributions, whose values may change between releases and between
//! 32-bit and 64-bit machines; ChaCha8 itself is fixed for ever.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// The purpose of a stream; two purposes never share numbers.
#[derive(Clone, Copy, Debug)]
#[repr(u64)]
pub enum Purpose {
    /// The built-in corpus.
    Text = 1,
    /// The keys of an epoch's permutation.
    Order = 2,
    /// Draws of a training sequence at one visit: the other half of a pair, then the masks.
    TrainMasks = 3,
    /// The same for a held-out sequence, which is always visited alike.
    HeldOutMasks = 4,
    /// The keys of the permutation of a block of numbers among sources.
    Mixture = 5,
    /// Where the pairs of sentences of a document begin and end.
    Pairs = 6,
    /// The order of an epoch of fine-tuning.
    FineTuning = 7,
    /// The seeds and examples of a bootstrap's resample.
    Bootstrap = 8,
}

/// An independent stream of random numbers.
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// The stream of `row` in `counter` (a step, an epoch, a paragraph).
    pub fn new(seed: u64, purpose: Purpose, counter: u64, row: u64) -> Self {
        let mut key = [0u8; 32];
        for (bytes, word) in key.chunks_exact_mut(8).zip([seed, purpose as u64, counter]) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(row);
        Self(rng)
    }

    /// Goes to a place of the stream: so many calls of [`Stream::bits`] after its beginning.
    pub fn seek(&mut self, calls: u64) {
        self.0.set_word_pos(2 * u128::from(calls));
    }

    /// 64 uniform bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A uniform integer in `0..n`; the bias of the multiplication is at most `n / 2^64`.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.bits()) * n as u128) >> 64) as usize
    }

    /// A uniform number in `[0, 1)`, with 53 random bits.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// One of the items, each equally likely. `items` must not be empty.
    pub fn choose<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// Moves `count` items, drawn uniformly without replacement, to the front.
    pub fn draw_to_front<T>(&mut self, items: &mut [T], count: usize) {
        for i in 0..count.min(items.len()) {
            let j = i + self.below(items.len() - i);
            items.swap(i, j);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ_in_every_coordinate() {
        let first = |seed, purpose, counter, row| Stream::new(seed, purpose, counter, row).bits();
        let base = first(1, Purpose::Order, 2, 3);
        assert_eq!(base, first(1, Purpose::Order, 2, 3));
        for other in [
            first(2, Purpose::Order, 2, 3),
            first(1, Purpose::Text, 2, 3),
            first(1, Purpose::Order, 3, 3),
            first(1, Purpose::Order, 2, 4),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn a_place_of_the_stream_is_found_from_any_other() {
        let stream = || Stream::new(1, Purpose::Pairs, 2, 3);
        let mut whole = stream();
        let bits: Vec<u64> = (0..200).map(|_| whole.bits()).collect();
        for calls in [0, 1, 31, 32, 33, 150] {
            let mut found = stream();
            found.bits();
            found.seek(calls as u64);
            assert_eq!([found.bits(), found.bits()], [bits[calls], bits[calls + 1]]);
        }
    }

    #[test]
    fn below_is_uniform() {
        let mut stream = Stream::new(7, Purpose::Text, 0, 0);
        let mut counts = [0usize; 10];
        (0..100_000).for_each(|_| counts[stream.below(10)] += 1);
        assert!(counts.iter().all(|&count| count.abs_diff(10_000) < 500), "{counts:?}");
    }

    #[test]
    fn drawing_to_the_front_keeps_every_item() {
        let mut items: Vec<usize> = (0..50).collect();
        Stream::new(0, Purpose::Text, 0, 0).draw_to_front(&mut items, 20);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}
