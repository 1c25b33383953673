//! Rows of scores to weights and back, a vector at a time: behind the last key are scores without weight.

use sibert_products::Matrix;

use super::{Dropout, Weights};
use crate::compute::vectors::{Kernel, Vectorized, Vectors};
use crate::random::word;

/// Running sums of a row, and the number that its scores are filled up to a multiple of.
pub const LANES: usize = 16;

/// The rule that makes weights of scores.
#[derive(Clone, Copy)]
pub struct Rule<T> {
    weights: Weights,
    scale: T, // of the scores; the ratio of two ReLU scores does not depend on it
    key: u64,
    threshold: u32, // draws below are dropped
    rescale: T,     // of the weights that are kept, 1/(1 − p)
}

/// Scores of some queries, in rows `stride` apart, and what is known of them.
pub struct Rows<'a, T> {
    pub rule: Rule<T>,
    pub scores: &'a mut [T],
    pub stride: usize,
    /// Numbers of a row, a multiple of [`LANES`].
    pub len: usize,
    /// Index of the first weight of the first row in the stream of draws, and its distance to that of the next.
    pub weights: (usize, usize),
    /// Room for the draws of a row and two more; without dropout zeros.
    pub draws: &'a mut [u32],
}

/// Scores to weights, after dropout.
pub struct Forward<'a, T>(pub Rows<'a, T>);

/// Scores to weights, after dropout, and `d`, the gradient of those, to the gradient of the scores.
///
/// Of each row `Σ_k d_k p_k` is needed, which is also the product of the row of the result with its gradient.
pub struct Backward<'a, T> {
    pub rows: Rows<'a, T>,
    pub d: &'a mut [T],
    /// The result and its gradient, (rows, dim).
    pub result: [Matrix<'a, T>; 2],
    pub dim: usize,
}

impl<T: Float> Kernel<T> for Forward<'_, T> {
    #[inline(always)]
    fn run<V: Vectors<T>>(self, v: V) {
        let Rows { rule, scores, stride, len, weights: (start, step), draws } = self.0;
        for (i, scores) in scores.chunks_exact_mut(stride).enumerate() {
            let scores = v.of(&mut scores[..len]);
            let factor = v.splat(rule.normalize(v, scores) * rule.rescale);
            let draws = v.draws(rule.draws(start + i * step, len, draws));
            for (s, &draw) in scores.iter_mut().zip(draws) {
                let weight = v.mul(v.relu(*s), factor);
                *s = v.where_kept(draw, rule.threshold, weight);
            }
        }
    }
}

impl<T: Float> Kernel<T> for Backward<'_, T> {
    #[inline(always)]
    fn run<V: Vectors<T>>(self, v: V) {
        let Rows { rule, scores, stride, len, weights: (start, step), draws } = self.rows;
        let [result, gradient] = self.result;
        let (rescale, scale) = (v.splat(rule.rescale), v.splat(rule.scale));
        let rows = scores.chunks_exact_mut(stride).zip(self.d.chunks_exact_mut(stride));
        for (i, (scores, d)) in rows.enumerate() {
            let [result, gradient] = [result, gradient].map(|x| &x.data[i * x.row..][..self.dim]);
            let dot = v.splat(dot(result, gradient));
            let (scores, d) = (v.of(&mut scores[..len]), v.of(&mut d[..len]));
            let factor = v.splat(rule.normalize(v, scores));
            let draws = v.draws(rule.draws(start + i * step, len, draws));
            for ((s, d), &draw) in scores.iter_mut().zip(d).zip(draws) {
                let kept = v.where_kept(draw, rule.threshold, rescale);
                let difference = v.sub(v.mul(*d, kept), dot);
                match rule.weights {
                    Weights::Relu => {
                        *d = v.where_positive(*s, v.mul(difference, factor));
                        *s = v.mul(v.mul(v.relu(*s), factor), kept);
                    }
                    Weights::Softmax { .. } => {
                        let weight = v.mul(*s, factor);
                        *d = v.mul(v.mul(weight, difference), scale);
                        *s = v.mul(weight, kept);
                    }
                }
            }
        }
    }
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
    fn normalize<V: Vectors<T>>(&self, v: V, scores: &mut [V::Vector]) -> T {
        let zero = v.splat(T::zero());
        let sum = match self.weights {
            Weights::Relu => over_lanes(
                v,
                scores,
                zero,
                #[inline(always)]
                |sum, s| v.add(sum, v.relu(*s)),
                |a, b| a + b,
            ),
            Weights::Softmax { .. } => {
                let max = over_lanes(
                    v,
                    scores,
                    v.splat(T::narrow(f64::NEG_INFINITY)),
                    #[inline(always)]
                    |max, s| v.larger(max, *s),
                    T::larger,
                );
                let (max, scale) = (v.splat(max), v.splat(self.scale));
                over_lanes(
                    v,
                    scores,
                    zero,
                    #[inline(always)]
                    |sum, s| {
                        *s = v.exp(v.mul(v.sub(*s, max), scale));
                        v.add(sum, *s)
                    },
                    |a, b| a + b,
                )
            }
        };
        inverse(sum)
    }
}

/// `step` over the vectors of a row, in [`LANES`] interleaved parts, that `join` makes one.
#[inline(always)]
fn over_lanes<T: Float, V: Vectors<T>>(
    v: V,
    row: &mut [V::Vector],
    start: V::Vector,
    step: impl Fn(V::Vector, &mut V::Vector) -> V::Vector,
    join: impl Fn(T, T) -> T,
) -> T {
    let parts = LANES / V::WIDTH;
    let mut lanes = [start; LANES];
    for vectors in row.chunks_exact_mut(parts) {
        for part in 0..parts {
            lanes[part] = step(lanes[part], &mut vectors[part]);
        }
    }
    let mut numbers = [T::zero(); LANES];
    v.of(&mut numbers).copy_from_slice(&lanes[..parts]);
    fold(&numbers, join)
}

/// `1 / sum`; zero where no score counts, or where so little is left of them that the quotient overflows.
#[inline(always)]
fn inverse<T: Float>(sum: T) -> T {
    if sum < T::SMALLEST { T::zero() } else { T::one() / sum }
}

/// `Σ x y`.
#[inline(always)]
fn dot<T: Float>(x: &[T], y: &[T]) -> T {
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
pub trait Float: Vectorized {
    /// That number.
    const SMALLEST: Self;
}

impl Float for f32 {
    const SMALLEST: f32 = f32::MIN_POSITIVE;
}

impl Float for f64 {
    const SMALLEST: f64 = f64::MIN_POSITIVE;
}
