use candle_core::{Result, Tensor};
use cukernel::simd::vectorize;
use rayon::prelude::*;

use crate::compute::buffer::{Values, tensor, uninit, written};
use crate::compute::by_float;
use crate::compute::lanes::{BLOCK, max, sum};
use crate::compute::real::Real;
use crate::compute::row_sums::for_each_row;
use crate::ops::op::width;
use crate::tape::{Backward, Sink};

/// The partition of every row is kept for the backward pass, which then reads the logits once.
pub fn cross_entropy([logits]: [Tensor; 1], labels: Tensor) -> Result<(Tensor, impl Backward)> {
    let vocab = width(&logits);
    let (loss, partitions) = by_float!("cross_entropy", logits.dtype(), T => {
        let (x, labels) = (Values::of(&logits), Values::of(&labels));
        let x = x.slice::<T>()?;
        let partitions = partitions(x, vocab);
        (tensor(vec![forward(x, labels.slice()?, &partitions, vocab)], ())?, partitions)
    });
    let backward = move |dloss: &Tensor, sink: &mut Sink| {
        let dx = by_float!("cross_entropy", logits.dtype(), T => {
            let (x, labels) = (Values::of(&logits), Values::of(&labels));
            let dx = backward(x.slice::<T>()?, labels.slice()?, &partitions, dloss.to_scalar()?, vocab);
            tensor(dx, logits.shape())
        })?;
        sink.add(0, dx)
    };
    Ok((loss, backward))
}

/// The largest element of a row and `Σ exp(x − max)`.
#[derive(Clone, Copy)]
struct Partition {
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
fn partitions<T: Real>(logits: &[T], vocab: usize) -> Vec<Partition> {
    let of = |x: &[T]| {
        vectorize(
            #[inline(always)]
            || Partition::of(x),
        )
    };
    logits.par_chunks_exact(vocab.max(1)).map(of).collect()
}

fn forward<T: Real>(logits: &[T], labels: &[u32], partitions: &[Partition], vocab: usize) -> T {
    let rows = logits.chunks_exact(vocab.max(1)).zip(labels).zip(partitions);
    T::narrow(rows.map(|((x, &label), partition)| partition.loss(x, label)).sum())
}

fn backward<T: Real>(
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
                dx.write((x - max).exp() * scale);
            }
            // SAFETY: the row of logits is as long.
            let dx = unsafe { dx.assume_init_mut() };
            dx[labels[row] as usize] -= dloss;
        },
    );
    // SAFETY: each row is written whole.
    unsafe { written(dx) }
}
