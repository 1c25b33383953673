use candle_core::{Result, bail};
use rayon::prelude::*;

use crate::ops::buffer::uninit;
use crate::ops::lanes::{BLOCK, max, sum};
use crate::ops::real::Real;
use crate::ops::row_sums::for_each_row;
use crate::ops::simd::vectorize;

/// Refuses labels that are not below `vocab`.
pub fn check(labels: &[u32], vocab: usize) -> Result<()> {
    match labels.iter().position(|&label| label as usize >= vocab) {
        Some(row) => {
            bail!("cross_entropy: label {} of row {row} is not below the vocabulary's {vocab}", labels[row])
        }
        None => Ok(()),
    }
}

/// The largest element of a row and `Σ exp(x − max)`.
#[derive(Clone, Copy)]
pub struct Partition {
    max: f64,
    sum: f64,
}

impl Partition {
    /// Reads the row once: what was summed is rescaled where a block has a larger maximum.
    #[inline(always)]
    fn of<T: Real>(x: &[T]) -> Self {
        let (mut largest, mut total) = (T::narrow(f64::NEG_INFINITY), 0.);
        let mut powers = [T::zero(); BLOCK];
        for block in x.chunks(BLOCK) {
            let max = max(block);
            if max > largest {
                total *= (largest - max).wide().exp();
                largest = max;
            }
            let powers = &mut powers[..block.len()];
            for (power, &x) in powers.iter_mut().zip(block) {
                *power = (x - largest).exp();
            }
            total += sum(
                powers,
                #[inline(always)]
                |power| power,
            )
            .wide();
        }
        Self { max: largest.wide(), sum: total }
    }

    /// `log Σ exp x − x_label`.
    fn loss<T: Real>(self, x: &[T], label: u32) -> f64 {
        self.sum.ln() + (self.max - x[label as usize].wide())
    }
}

/// The partition of every row.
pub fn partitions<T: Real>(logits: &[T], vocab: usize) -> Vec<Partition> {
    let of = |x: &[T]| {
        vectorize(
            #[inline(always)]
            || Partition::of(x),
        )
    };
    logits.par_chunks_exact(vocab.max(1)).map(of).collect()
}

pub fn forward<T: Real>(logits: &[T], labels: &[u32], partitions: &[Partition], vocab: usize) -> T {
    let rows = logits.chunks_exact(vocab.max(1)).zip(labels).zip(partitions);
    T::narrow(rows.map(|((x, &label), partition)| partition.loss(x, label)).sum())
}

pub fn backward<T: Real>(
    logits: &[T],
    labels: &[u32],
    partitions: &[Partition],
    dloss: T,
    vocab: usize,
) -> Vec<T> {
    let mut dx = uninit(logits.len());
    for_each_row(
        &mut dx,
        vocab,
        #[inline(always)]
        |row, dx| {
            let Partition { max, sum } = partitions[row];
            let (max, scale) = (T::narrow(max), T::narrow(dloss.wide() / sum));
            for (dx, &x) in dx.iter_mut().zip(&logits[row * vocab..][..vocab]) {
                *dx = (x - max).exp() * scale;
            }
            dx[labels[row] as usize] -= dloss;
        },
    );
    dx
}
