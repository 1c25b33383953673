//! Which elements are dropped: words of SplitMix64, two elements a word.

use std::mem::MaybeUninit;

use cukernel::Arg;

use crate::compute::real::Real;
use crate::random::word;

/// Elements whose mask is made at once.
const BLOCK: usize = 256;

/// The masks of one key and probability.
#[derive(Clone, Copy, Debug)]
pub struct Mask {
    key: u64,
    threshold: u32,
    scale: f64,
}

impl Mask {
    /// Drops with probability p in \[0, 1).
    pub fn new(p: f32, key: u64) -> Self {
        let threshold = (f64::from(p) * 2f64.powi(32)).round() as u32;
        Self { key, threshold, scale: 1. / (1. - f64::from(p)) }
    }

    /// Key, threshold and scale, as kernels take them.
    pub fn args(self) -> [Arg<'static>; 3] {
        [Arg::U64(self.key), Arg::U32(self.threshold), Arg::F32(self.scale as f32)]
    }

    /// `1 / (1 − p)`, which kept elements are multiplied by.
    #[inline(always)]
    pub fn scale<T: Real>(self) -> T {
        T::narrow(self.scale)
    }

    /// The draws of elements `2·pair` and following: the low and the high half of one word a pair.
    #[inline(always)]
    pub fn draws(self, pair: u64, words: &mut [u64]) -> &[u32] {
        for (i, out) in words.iter_mut().enumerate() {
            let word = word(self.key, pair.wrapping_add(i as u64));
            *out = if cfg!(target_endian = "big") { word.rotate_left(32) } else { word };
        }
        // SAFETY: a u64 holds two u32, whose alignment is smaller, and every pattern of bits is a u32.
        unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), 2 * words.len()) }
    }

    /// Whether a draw keeps its element.
    #[inline(always)]
    pub fn keeps(self, draw: u32) -> bool {
        draw >= self.threshold
    }

    /// Whether one element is kept.
    #[inline(always)]
    pub fn keeps_one(self, element: u64) -> bool {
        (word(self.key, element / 2) >> (element % 2 * 32)) as u32 >= self.threshold
    }

    /// `out[i] = f(x[i], y[i] m[i] / (1 − p))`, the first element being number `2·pair`: all of `out` is written,
    /// whose elements `x` and `y` have too. Call it within `vectorize`.
    #[inline(always)]
    pub fn apply<T: Real>(
        self,
        pair: u64,
        x: &[T],
        y: &[T],
        out: &mut [MaybeUninit<T>],
        f: &impl Fn(T, T) -> T,
    ) {
        let (scale, mut words) = (self.scale(), [0; BLOCK / 2]);
        let chunks = out.chunks_mut(BLOCK).zip(x.chunks(BLOCK).zip(y.chunks(BLOCK)));
        for (chunk, (out, (x, y))) in chunks.enumerate() {
            let draws = self.draws(pair + (chunk * BLOCK / 2) as u64, &mut words);
            for ((out, &draw), (&x, &y)) in out.iter_mut().zip(draws).zip(x.iter().zip(y)) {
                out.write(f(x, dropped(y, scale, self.keeps(draw))));
            }
        }
    }

    /// `apply` from any element on.
    #[inline(always)]
    pub fn apply_from<T: Real>(
        self,
        element: usize,
        x: &[T],
        y: &[T],
        out: &mut [MaybeUninit<T>],
        f: &impl Fn(T, T) -> T,
    ) {
        let lone = (element % 2).min(out.len()); // an odd element is the second half of a pair
        if lone == 1 {
            out[0].write(f(x[0], dropped(y[0], self.scale(), self.keeps_one(element as u64))));
        }
        self.apply(element.div_ceil(2) as u64, &x[lone..], &y[lone..], &mut out[lone..], f);
    }
}

#[inline(always)]
fn dropped<T: Real>(y: T, scale: T, keep: bool) -> T {
    if keep { y * scale } else { T::zero() }
}

/// Which of the elements `offset .. offset + len` dropout keeps.
pub fn dropout_mask(key: u64, p: f32, offset: usize, len: usize) -> Vec<bool> {
    let mask = Mask::new(p, key);
    (offset as u64..(offset + len) as u64).map(|element| mask.keeps_one(element)).collect()
}
