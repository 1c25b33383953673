mod composed;
pub use composed::dropout;

/// The elements that dropout keeps.
pub fn dropout_mask(key: u64, p: f32, len: usize) -> Vec<bool> {
    let (word, threshold) = (|i: u64| mix(key, i), threshold(p));
    (0..len as u64).map(|i| (word(i / 2) >> (32 * (i % 2))) as u32 as u64 >= threshold).collect()
}

fn threshold(p: f32) -> u64 {
    (f64::from(p) * 2f64.powi(32)).round() as u64
}

/// The `counter`-th word of the stream of `key`: SplitMix64.
fn mix(key: u64, counter: u64) -> u64 {
    let z = key.wrapping_add(counter.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
