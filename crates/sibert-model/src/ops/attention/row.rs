//! A row of scores to weights and back, in loops that vectorise.

use super::{Dropout, Weights};
use crate::compute::real::Real;
use crate::random::word;

/// Running sums of a row: with more of them, short rows spend their time in adding them up.
const LANES: usize = 16;

/// The rule that makes weights of scores.
#[derive(Clone, Copy)]
pub struct Rule<T> {
    weights: Weights,
    scale: T, // of the scores; the ratio of two ReLU scores does not depend on it
    key: u64,
    threshold: u32, // draws below are dropped
    rescale: T,     // of the weights that are kept, 1/(1 − p)
}

impl<T: Float> Rule<T> {
    pub fn new(weights: Weights, dropout: Option<Dropout>) -> Self {
        let Dropout { p, key, .. } = dropout.unwrap_or_default();
        Self {
            weights,
            scale: T::narrow(weights.scale()),
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
            for (index, pair) in pairs.iter_mut().enumerate() {
                let word = word(self.key, (start / 2 + index) as u64);
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
            Weights::Softmax { .. } => {
                let max = reduce(scores, T::narrow(f64::NEG_INFINITY), |s| s, T::larger);
                let scale = self.scale;
                scores.iter_mut().for_each(|s| *s = ((*s - max) * scale).exp());
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
            Weights::Softmax { .. } => {
                for ((s, d), &draw) in scores.iter_mut().zip(d).zip(draws) {
                    let (kept, weight) = (kept(draw), *s * factor);
                    *d = weight * (*d * kept - dot) * self.scale;
                    *s = weight * kept;
                }
            }
        }
    }
}

/// Keeps NaN.
#[inline(always)]
fn relu<T: Float>(s: T) -> T {
    if s < T::zero() { T::zero() } else { s }
}

/// `1 / sum`; zero where no score counts, or where so little is left of them that the quotient overflows.
#[inline(always)]
fn inverse<T: Float>(sum: T) -> T {
    if sum < T::SMALLEST { T::zero() } else { T::one() / sum }
}

/// `join` over `f` of all elements, in interleaved parts.
#[inline(always)]
fn reduce<T: Float>(x: &[T], start: T, f: impl Fn(T) -> T, join: impl Fn(T, T) -> T + Copy) -> T {
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
fn sum<T: Float>(x: &[T], f: impl Fn(T) -> T) -> T {
    reduce(x, T::zero(), f, |a, b| a + b)
}

/// `Σ x y`.
#[inline(always)]
pub fn dot<T: Float>(x: &[T], y: &[T]) -> T {
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
fn fold<T: Float>(lanes: &[T; LANES], join: impl Fn(T, T) -> T) -> T {
    let mut quarter = [lanes[0], lanes[1], lanes[2], lanes[3]];
    for lanes in lanes.as_chunks::<4>().0.iter().skip(1) {
        quarter.iter_mut().zip(lanes).for_each(|(sum, &lane)| *sum = join(*sum, lane));
    }
    join(join(quarter[0], quarter[2]), join(quarter[1], quarter[3]))
}

/// A float type with its smallest number whose inverse is finite.
pub trait Float: Real {
    /// That number.
    const SMALLEST: Self;
}

impl Float for f32 {
    const SMALLEST: f32 = f32::MIN_POSITIVE;
}

impl Float for f64 {
    const SMALLEST: f64 = f64::MIN_POSITIVE;
}
