//! Randomness as a value: every number is a pure function of a key and a counter.
//!
//! The generator is SplitMix64 (Steele, Lea & Flood 2014) read by index: word `i` of key `k` is
//! `mix(k + (i + 1) γ)`. Initialisation and dropout draw from it, so that they are the same on every
//! machine, device and number of threads, and a resumed run needs to store nothing.

/// `⌊2⁶⁴ / φ⌋`, the increment of SplitMix64.
const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// SplitMix64's finaliser: a bijection that spreads every input bit over the word.
#[inline(always)]
pub fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The word that `index` increments lead to from `key`: the generator's state, spread.
#[inline(always)]
pub(crate) fn word(key: u64, index: u64) -> u64 {
    mix(key.wrapping_add(index.wrapping_mul(GAMMA)))
}

/// The key of the stream `index` below `key`; different indices give unrelated streams.
pub fn fork(key: u64, index: u64) -> u64 {
    mix(mix(key).wrapping_add(index.wrapping_add(1).wrapping_mul(GAMMA)))
}

/// The key of the stream called `name` below `seed` (FNV-1a of the name).
pub fn named(seed: u64, name: &str) -> u64 {
    let hash = name
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ byte as u64).wrapping_mul(0x0100_0000_01B3));
    fork(seed, hash)
}

/// A stream of words, read in order.
struct Stream {
    state: u64,
}

impl Stream {
    fn next_word(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GAMMA);
        mix(self.state)
    }

    /// Uniform in `(-1, 1)`, an odd multiple of 2⁻⁵²: never zero.
    fn symmetric(&mut self) -> f64 {
        let odd = ((self.next_word() >> 11) | 1) as f64;
        odd / (1_u64 << 52) as f64 - 1.
    }

    /// Two independent standard normal numbers (Marsaglia's polar method).
    fn normal_pair(&mut self) -> [f64; 2] {
        loop {
            let (u, v) = (self.symmetric(), self.symmetric());
            let s = u * u + v * v;
            if s < 1. && s > 0. {
                // libm, not the system's logarithm: the same bits on every machine
                let factor = (-2. * libm::log(s) / s).sqrt();
                return [u * factor, v * factor];
            }
        }
    }
}

/// Draws of a normal distribution of deviation `std`, redrawn beyond two deviations; without end.
pub fn truncated_normals(key: u64, std: f64) -> impl Iterator<Item = f64> {
    let mut stream = Stream { state: key };
    std::iter::repeat_with(move || stream.normal_pair())
        .flatten()
        .filter(|x| x.abs() <= 2.)
        .map(move |x| x * std)
}

/// The first `count` of [`truncated_normals`].
pub fn truncated_normal(key: u64, std: f64, count: usize) -> Vec<f64> {
    truncated_normals(key, std).take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Deviation of a standard normal cut at ±2: √(1 − 4 φ(2) / (2Φ(2) − 1)).
    const CUT_DEVIATION: f64 = 0.879_625_66;

    #[test]
    fn truncated_normal_has_its_moments_and_bound() {
        let draws = truncated_normal(7, 0.02, 400_000);
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|x| x * x).sum::<f64>() / draws.len() as f64;
        assert!(mean.abs() < 4. * 0.02 / 632., "mean {mean}");
        assert!((variance.sqrt() / (0.02 * CUT_DEVIATION) - 1.).abs() < 0.005, "{}", variance.sqrt());
        assert!(draws.iter().all(|x| x.abs() <= 0.04));
    }

    #[test]
    fn initial_values_are_the_same_on_every_machine() {
        // Computed by an independent Python transcription of SplitMix64 and the polar method.
        let words: Vec<u64> = (0..3).scan(Stream { state: 0 }, |s, _| Some(s.next_word())).collect();
        assert_eq!(words, [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4, 0x06C4_5D18_8009_454F]);
    }

    #[test]
    fn streams_of_different_names_are_unrelated() {
        let (a, b) =
            (truncated_normal(named(1, "a"), 1., 10_000), truncated_normal(named(1, "b"), 1., 10_000));
        let correlation = a.iter().zip(&b).map(|(a, b)| a * b).sum::<f64>() / 10_000.;
        assert!(correlation.abs() < 0.04, "{correlation}");
    }
}
