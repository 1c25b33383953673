use rayon::prelude::*;

use crate::ops::real::Real;

/// Elements per task; even, since two elements share a word.
const TASK: usize = 8192;

/// The `index`-th word of the stream of `key`: SplitMix64.
#[inline]
pub fn word(key: u64, index: u64) -> u64 {
    let z = key.wrapping_add(index.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Draws below `p · 2³²` are dropped.
fn threshold(p: f32) -> u64 {
    (f64::from(p) * 2f64.powi(32)).round() as u64
}

/// Whether elements `2·pair` and `2·pair + 1` are kept: by the low and the high half of one word.
#[inline]
fn kept(key: u64, pair: u64, threshold: u64) -> [bool; 2] {
    let word = word(key, pair);
    [word & 0xFFFF_FFFF >= threshold, word >> 32 >= threshold]
}

/// Which of the elements `offset .. offset + len` dropout keeps.
pub fn dropout_mask(key: u64, p: f32, offset: usize, len: usize) -> Vec<bool> {
    let threshold = threshold(p);
    let pairs = (offset / 2) as u64..(offset + len).div_ceil(2) as u64;
    pairs.flat_map(|pair| kept(key, pair, threshold)).skip(offset % 2).take(len).collect()
}

pub fn forward<T: Real>(x: &[T], p: f32, key: u64, offset: usize) -> Vec<T> {
    let (threshold, scale) = (threshold(p), T::narrow(1. / (1. - f64::from(p))));
    let mut y = vec![T::zero(); x.len()];
    // an odd offset begins with the second half of a pair
    let lone = (offset % 2).min(x.len());
    if lone == 1 && kept(key, (offset / 2) as u64, threshold)[1] {
        y[0] = x[0] * scale;
    }
    let tasks = y[lone..].par_chunks_mut(TASK).zip(x[lone..].par_chunks(TASK)).enumerate();
    tasks.for_each(|(task, (y, x))| {
        let first = (offset.div_ceil(2) + task * TASK / 2) as u64;
        for (pair, (y, x)) in (first..).zip(y.chunks_mut(2).zip(x.chunks(2))) {
            let kept = kept(key, pair, threshold);
            for ((y, &x), kept) in y.iter_mut().zip(x).zip(kept) {
                *y = if kept { x * scale } else { T::zero() };
            }
        }
    });
    y
}
