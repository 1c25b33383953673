//! Permutations that are computed and never stored, and the order of the training sequences made of them.
//!
//! A Feistel network permutes `0..4^k`, the smallest such range that holds `0..len`; walking the cycle of an index
//! until it falls into `0..len` makes it an exact permutation of `0..len`. The keys of an epoch are a function of
//! (seed, epoch, source), so the sequence at any place of any epoch is found in constant time, and a resumed run needs
//! one integer: how many sequences were consumed.

use super::random::{Purpose, Stream};

const ROUNDS: usize = 6;

/// A seeded, endless order over `len` sequences of one source, epoch after epoch.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    len: u64,
    seed: u64,
    source: u64,
}

/// A permutation of `0..len`.
pub struct Permutation {
    len: u64,
    half_bits: u32,
    keys: [u64; ROUNDS],
}

impl Order {
    /// An order over `0..len`; `len` must not be 0.
    pub fn new(len: u64, seed: u64, source: u64) -> Self {
        debug_assert!(len > 0, "an order over no sequences");
        Self { len, seed, source }
    }

    /// The sequence at global number `n`: place `n % len` of epoch `n / len`.
    pub fn at(&self, n: u64) -> u64 {
        let keys = Stream::new(self.seed, Purpose::Order, n / self.len, self.source);
        Permutation::new(self.len, keys).at(n % self.len)
    }
}

impl Permutation {
    /// The permutation with the keys that a stream begins with.
    pub fn new(len: u64, mut keys: Stream) -> Self {
        let bits = u64::BITS - len.saturating_sub(1).leading_zeros();
        Self { len, half_bits: bits.div_ceil(2).max(1), keys: std::array::from_fn(|_| keys.bits()) }
    }

    /// Where `index`, which must be below `len`, goes.
    pub fn at(&self, index: u64) -> u64 {
        let mut index = self.feistel(index);
        while index >= self.len {
            index = self.feistel(index);
        }
        index
    }

    /// `(left, right) ← (right, left ⊕ F(right, key))`, a bijection of `0..4^half_bits` whatever `F` is.
    fn feistel(&self, index: u64) -> u64 {
        let mask = (1u64 << self.half_bits) - 1;
        let (mut left, mut right) = (index >> self.half_bits, index & mask);
        for key in self.keys {
            (left, right) = (right, left ^ (mix(right ^ key) & mask));
        }
        (left << self.half_bits) | right
    }
}

/// The finaliser of SplitMix64: every input bit changes about half of the output bits.
pub fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn epoch(len: usize, seed: u64, epoch: u64) -> Vec<usize> {
        let order = Order::new(len as u64, seed, 0);
        (0..len as u64).map(|i| order.at(epoch * len as u64 + i) as usize).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_epoch_is_a_permutation(len in 1usize..3000, seed: u64, number in 0u64..1000) {
            let mut seen = epoch(len, seed, number);
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..len).collect::<Vec<_>>());
        }
    }

    #[test]
    fn small_and_power_of_two_sizes_are_permutations() {
        for len in (1..70).chain([255, 256, 257, 1023, 1024, 1025, 4096]) {
            let mut seen = epoch(len, 3, 5);
            seen.sort_unstable();
            assert_eq!(seen, (0..len).collect::<Vec<_>>(), "len {len}");
        }
    }

    #[test]
    fn epochs_seeds_and_sources_differ() {
        assert_eq!(epoch(500, 1, 0), epoch(500, 1, 0));
        assert_ne!(epoch(500, 1, 0), epoch(500, 1, 1));
        assert_ne!(epoch(500, 1, 0), epoch(500, 2, 0));
        let of_source = |source| (0..500).map(|n| Order::new(500, 1, source).at(n)).collect::<Vec<_>>();
        assert_ne!(of_source(0), of_source(1));
    }

    #[test]
    fn places_are_uniform_over_epochs() {
        let len = 10;
        let mut counts = vec![0usize; len * len];
        for number in 0..5000 {
            epoch(len, 11, number).into_iter().enumerate().for_each(|(i, s)| counts[i * len + s] += 1);
        }
        assert!(counts.iter().all(|&count| count.abs_diff(500) < 120), "{counts:?}");
    }

    #[test]
    fn neighbours_do_not_stay_neighbours() {
        let order = epoch(10_000, 9, 0);
        let adjacent = order.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) == 1).count();
        assert!(adjacent < 20, "{adjacent} pairs stayed adjacent; about 2 are expected");
    }
}
