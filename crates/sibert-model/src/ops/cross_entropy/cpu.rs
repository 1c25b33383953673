use candle_core::{Result, bail};
use rayon::prelude::*;

use crate::ops::real::Real;
use crate::ops::row_sums::{for_each_row, sum};

/// Refuses labels that are not below `vocab`.
pub fn check(labels: &[u32], vocab: usize) -> Result<()> {
    match labels.iter().position(|&label| label as usize >= vocab) {
        Some(row) => {
            bail!("cross_entropy: label {} of row {row} is not below the vocabulary's {vocab}", labels[row])
        }
        None => Ok(()),
    }
}

fn max<T: Real>(x: &[T]) -> T {
    let (body, tail) = x.as_chunks::<16>();
    let mut lanes = [T::narrow(f64::NEG_INFINITY); 16];
    for x in body {
        lanes.iter_mut().zip(x).for_each(|(lane, &x)| *lane = lane.larger(x));
    }
    tail.iter().chain(&lanes).fold(T::narrow(f64::NEG_INFINITY), |max, &x| max.larger(x))
}

/// `log Σ exp x − x_label`.
fn forward_row<T: Real>(x: &[T], label: u32) -> f64 {
    let max = max(x);
    let sum = sum(x, |x: T| (x - max).exp().wide());
    sum.ln() + (max - x[label as usize]).wide()
}

pub fn forward<T: Real>(logits: &[T], labels: &[u32], vocab: usize) -> T {
    let rows = logits.par_chunks_exact(vocab.max(1)).zip(labels);
    let losses: Vec<f64> = rows.map(|(x, &label)| forward_row(x, label)).collect();
    T::narrow(losses.iter().sum())
}

pub fn backward<T: Real>(logits: &[T], labels: &[u32], dloss: T, vocab: usize) -> Vec<T> {
    let mut dx = vec![T::zero(); logits.len()];
    for_each_row(&mut dx, vocab, |row, dx| {
        let x = &logits[row * vocab..][..vocab];
        let max = max(x);
        dx.iter_mut().zip(x).for_each(|(dx, &x)| *dx = (x - max).exp());
        let scale = T::narrow(dloss.wide() / sum(dx, |e: T| e.wide()));
        dx.iter_mut().for_each(|dx| *dx *= scale);
        dx[labels[row] as usize] -= dloss;
    });
    dx
}
