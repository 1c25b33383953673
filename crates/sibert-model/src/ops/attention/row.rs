//! A row of scores to weights and back, in loops that vectorise.

use super::{Dropout, Weights};
use crate::ops::real::Real;

/// Running sums of a row: with more of them, short rows spend their time in adding them up.
const LANES: usize = 16;

/// What makes weights of scores.
#[derive(Clone, Copy)]
pub struct Rule<T> {
    weights: Weights,
    scale: T, // of the scores, 1/√dim; the ratio of two ReLU scores does not depend on it
    key: u64,
    threshold: u32, // draws below are dropped
    rescale: T,     // of the weights that are kept, 1/(1 − p)
}

impl<T: Exp> Rule<T> {
    pub fn new(weights: Weights, dim: usize, dropout: Option<Dropout>) -> Self {
        let Dropout { p, key, .. } = dropout.unwrap_or_default();
        Self {
            weights,
            scale: T::narrow((dim as f64).powf(-0.5)),
            key,
            threshold: (f64::from(p) * 2f64.powi(32)).round() as u32,
            rescale: T::narrow(1. / (1. - f64::from(p))),
        }
    }

    /// The draws of the weights `start .. start + len`, in a buffer of two more; without dropout what is there already.
    #[inline(always)]
    fn draws<'a>(&self, start: usize, len: usize, buffer: &'a mut [u32]) -> &'a [u32] {
        let odd = start % 2; // begins with the second half of a word
        if self.threshold > 0 {
            let pairs = &mut buffer.as_chunks_mut::<2>().0[..(odd + len).div_ceil(2)];
            let first = self.key.wrapping_add((start as u64 / 2).wrapping_mul(STEP));
            for (index, pair) in pairs.iter_mut().enumerate() {
                let word = mix(first.wrapping_add((index as u64).wrapping_mul(STEP)));
                *pair = [word as u32, (word >> 32) as u32];
            }
        }
        &buffer[odd..][..len]
    }

    /// Leaves the scores, or their exponentials; the factor returned makes weights of them.
    #[inline(always)]
    fn normalize(&self, scores: &mut [T]) -> T {
        match self.weights {
            Weights::Relu => inverse(sum(scores, relu)),
            Weights::Softmax => {
                let max = reduce(scores, T::narrow(f64::NEG_INFINITY), |s| s, T::larger);
                let scale = self.scale;
                scores.iter_mut().for_each(|s| *s = ((*s - max) * scale).fast_exp());
                inverse(sum(scores, |e| e))
            }
        }
    }

    /// Scores to weights, after dropout. `start` is the index of the first of them.
    #[inline(always)]
    pub fn forward(&self, scores: &mut [T], start: usize, buffer: &mut [u32]) {
        let (threshold, zero) = (self.threshold, T::zero());
        let factor = self.normalize(scores) * self.rescale;
        let draws = self.draws(start, scores.len(), buffer);
        for (s, &draw) in scores.iter_mut().zip(draws) {
            let weight = relu(*s) * factor;
            *s = if draw >= threshold { weight } else { zero };
        }
    }

    /// Scores to weights, after dropout, and `d`, the gradient of those, to the gradient of the scores.
    ///
    /// `dot = Σ_k d_k p_k`, which is also the product of the row of the result with its gradient.
    #[inline(always)]
    pub fn backward(&self, scores: &mut [T], d: &mut [T], dot: T, start: usize, buffer: &mut [u32]) {
        let (threshold, rescale, zero) = (self.threshold, self.rescale, T::zero()); // in registers
        let factor = self.normalize(scores);
        let draws = self.draws(start, scores.len(), buffer);
        let kept = |draw: u32| if draw >= threshold { rescale } else { zero };
        match self.weights {
            Weights::Relu => {
                for ((s, d), &draw) in scores.iter_mut().zip(d).zip(draws) {
                    let kept = kept(draw);
                    let ds = (*d * kept - dot) * factor;
                    *d = if *s > zero { ds } else { zero };
                    *s = relu(*s) * factor * kept;
                }
            }
            Weights::Softmax => {
                for ((s, d), &draw) in scores.iter_mut().zip(d).zip(draws) {
                    let (kept, weight) = (kept(draw), *s * factor);
                    *d = weight * (*d * kept - dot) * self.scale;
                    *s = weight * kept;
                }
            }
        }
    }
}

/// Distance of the states of SplitMix64, the generator of `ops::dropout`.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

#[inline(always)]
fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Keeps NaN.
#[inline(always)]
fn relu<T: Exp>(s: T) -> T {
    if s < T::zero() { T::zero() } else { s }
}

/// `1 / sum`; zero where no score counts, or where so little is left of them that the quotient overflows.
#[inline(always)]
fn inverse<T: Exp>(sum: T) -> T {
    if sum < T::SMALLEST { T::zero() } else { T::one() / sum }
}

/// `join` over `f` of all elements, in interleaved parts.
#[inline(always)]
fn reduce<T: Exp>(x: &[T], start: T, f: impl Fn(T) -> T, join: impl Fn(T, T) -> T + Copy) -> T {
    let (body, tail) = x.as_chunks::<LANES>();
    let mut lanes = [start; LANES];
    for x in body {
        lanes.iter_mut().zip(x).for_each(|(lane, &x)| *lane = join(*lane, f(x)));
    }
    lanes.iter_mut().zip(tail).for_each(|(lane, &x)| *lane = join(*lane, f(x)));
    fold(&{ lanes }, join)
}

/// `Σ f(x)`.
#[inline(always)]
fn sum<T: Exp>(x: &[T], f: impl Fn(T) -> T) -> T {
    reduce(x, T::zero(), f, |a, b| a + b)
}

/// `Σ x y`.
#[inline(always)]
pub fn dot<T: Exp>(x: &[T], y: &[T]) -> T {
    let ((x, x_tail), (y, y_tail)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    let mut lanes = [T::zero(); LANES];
    for (x, y) in x.iter().zip(y) {
        lanes.iter_mut().zip(x.iter().zip(y)).for_each(|(lane, (&x, &y))| *lane += x * y);
    }
    lanes.iter_mut().zip(x_tail.iter().zip(y_tail)).for_each(|(lane, (&x, &y))| *lane += x * y);
    fold(&{ lanes }, |a, b| a + b)
}

/// Never inlined: knowing this tree, the compiler would keep the lanes in odd parts of vectors.
#[inline(never)]
fn fold<T: Exp>(lanes: &[T; LANES], join: impl Fn(T, T) -> T) -> T {
    let mut quarter = [lanes[0], lanes[1], lanes[2], lanes[3]];
    for lanes in lanes.as_chunks::<4>().0.iter().skip(1) {
        quarter.iter_mut().zip(lanes).for_each(|(sum, &lane)| *sum = join(*sum, lane));
    }
    join(join(quarter[0], quarter[2]), join(quarter[1], quarter[3]))
}

/// What the rows need of a float type beside [`Real`].
pub trait Exp: Real {
    /// The smallest number whose inverse is finite.
    const SMALLEST: Self;
    /// `eˣ` for x up to zero.
    fn fast_exp(self) -> Self;
}

impl Exp for f32 {
    const SMALLEST: f32 = f32::MIN_POSITIVE;

    /// The polynomial of Cephes on [−ln 2 / 2, ln 2 / 2], times a power of two made from its bits.
    #[inline(always)]
    fn fast_exp(self) -> f32 {
        const ROUND: f32 = 12_582_912.; // 1.5 · 2²³: adding it leaves the nearest integer in the low bits
        const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
        const TAYLOR: [f32; 6] =
            [1.987_569_1e-4, 1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];
        let shifted = self * std::f32::consts::LOG2_E + ROUND;
        let n = shifted - ROUND;
        let r = self - n * LN_2[0] - n * LN_2[1];
        let p = TAYLOR.into_iter().fold(0., |p, c| p * r + c) * r * r + r + 1.;
        let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(1f32.to_bits()));
        if self < -87. { 0. } else { p * power }
    }
}

impl Exp for f64 {
    const SMALLEST: f64 = f64::MIN_POSITIVE;

    #[inline(always)]
    fn fast_exp(self) -> f64 {
        self.exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fast_exp_is_exact_to_single_precision() {
        let error = |x: f32| (f64::from(x.fast_exp()) / f64::from(x).exp() - 1.).abs();
        let worst = (0..870_000).map(|i| error(i as f32 * -1e-4)).fold(0., f64::max);
        assert!(worst < 1.2e-7, "{worst:e}");
        assert_eq!([0f32, -1e4, f32::NEG_INFINITY].map(Exp::fast_exp), [1., 0., 0.]);
        assert!(f32::NAN.fast_exp().is_nan());
    }
}
