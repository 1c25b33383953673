use candle_core::{Result, Tensor};
use cukernel::simd::vectorize;
use rayon::prelude::*;

use crate::compute::buffer::{Values, tensor, uninit, written};
use crate::compute::by_float;
use crate::compute::real::Real;
use crate::compute::row_sums::TASK;
use crate::tape::{Backward, Sink};

/// The backward pass needs the result and the `1 / ‖x‖` of every head.
pub fn unit_heads([x]: [Tensor; 1], dim: usize) -> Result<(Tensor, impl Backward)> {
    let (y, inverses) = by_float!("unit_heads", x.dtype(), T => {
        let (y, inverses) = forward::<T>(Values::of(&x).slice()?, dim);
        (tensor(y, x.shape())?, inverses)
    });
    let kept = y.clone();
    let backward = move |dy: &Tensor, sink: &mut Sink| {
        let dx = by_float!("unit_heads", kept.dtype(), T => {
            let [ys, dys] = [&kept, dy].map(Values::of);
            tensor(backward::<T>(ys.slice()?, &inverses, dys.slice()?, dim), kept.shape())
        })?;
        sink.add(0, dx)
    };
    Ok((y, backward))
}

/// The rows of unit length and the `1 / ‖x‖` of each; zero for a row of zeros, NaN for one with a NaN.
fn forward<T: Real>(x: &[T], dim: usize) -> (Vec<T>, Vec<f64>) {
    let (mut y, mut inverses) = (uninit(x.len()), vec![0.; x.len() / dim]);
    let heads = heads_of_a_task(dim);
    let tasks =
        y.par_chunks_mut(heads * dim).zip(inverses.par_chunks_mut(heads)).zip(x.par_chunks(heads * dim));
    tasks.for_each(|((y, inverses), x)| {
        let mut buffers = Buffers::new(dim);
        vectorize(
            #[inline(always)]
            || {
                let (len, heads) = (buffers.terms.len(), buffers.terms.len() / dim);
                for ((y, x), inverses) in y.chunks_mut(len).zip(x.chunks(len)).zip(inverses.chunks_mut(heads))
                {
                    buffers.sums(
                        [x, x],
                        inverses,
                        #[inline(always)]
                        |x, _| x.wide() * x.wide(),
                    );
                    for inverse in &mut *inverses {
                        *inverse = if *inverse == 0. { 0. } else { 1. / inverse.sqrt() };
                    }
                    for ((y, &x), inverse) in y.iter_mut().zip(x).zip(buffers.spread(inverses)) {
                        y.write(T::narrow(x.wide() * inverse));
                    }
                }
            },
        );
    });
    // SAFETY: `x` has whole heads, and each is written.
    (unsafe { written(y) }, inverses)
}

/// `dx = (dy − y ⟨y, dy⟩) / ‖x‖`, from the rows of unit length.
fn backward<T: Real>(y: &[T], inverses: &[f64], dy: &[T], dim: usize) -> Vec<T> {
    let mut dx = uninit(y.len());
    let heads = heads_of_a_task(dim);
    let operands = y.par_chunks(heads * dim).zip(dy.par_chunks(heads * dim));
    let tasks = dx.par_chunks_mut(heads * dim).zip(operands).zip(inverses.par_chunks(heads));
    tasks.for_each(|((dx, (y, dy)), inverses)| {
        let [mut dots, mut factors] = [(); 2].map(|()| Buffers::new(dim));
        vectorize(
            #[inline(always)]
            || {
                let (len, heads) = (dots.terms.len(), dots.terms.len() / dim);
                let mut sums = vec![0.; heads];
                let operands = y.chunks(len).zip(dy.chunks(len));
                for ((dx, (y, dy)), inverses) in dx.chunks_mut(len).zip(operands).zip(inverses.chunks(heads))
                {
                    let sums = &mut sums[..inverses.len()];
                    dots.sums(
                        [y, dy],
                        sums,
                        #[inline(always)]
                        |y, dy| y.wide() * dy.wide(),
                    );
                    let numbers = dots.spread(sums).iter().zip(factors.spread(inverses));
                    for ((dx, (&y, &dy)), (dot, inverse)) in dx.iter_mut().zip(y.iter().zip(dy)).zip(numbers)
                    {
                        dx.write(T::narrow((dy.wide() - y.wide() * dot) * inverse));
                    }
                }
            },
        );
    });
    // SAFETY: `y` and `dy` have whole heads, and each is written.
    unsafe { written(dx) }
}

/// Heads that one task works on.
fn heads_of_a_task(dim: usize) -> usize {
    (TASK / dim).max(1)
}

/// Working memory for some heads, whose elements are one row: a head alone is shorter than the steps that the compiler makes
/// of a loop.
struct Buffers {
    dim: usize,
    terms: Vec<f64>,
    halves: Vec<f64>,
}

impl Buffers {
    /// For as many heads as stay in the first cache.
    fn new(dim: usize) -> Self {
        let len = (1024 / dim).max(1) * dim;
        Self { dim, terms: vec![0.; len], halves: vec![0.; len] }
    }

    /// Leaves `Σ term(x, y)` of every head in `sums`: neighbours are added, and the sums of these, as long as they are an even
    /// number.
    #[inline(always)]
    fn sums<T: Copy>(&mut self, [x, y]: [&[T]; 2], sums: &mut [f64], term: impl Fn(T, T) -> f64) {
        for (out, (&x, &y)) in self.terms.iter_mut().zip(x.iter().zip(y)) {
            *out = term(x, y);
        }
        let mut left = self.dim;
        while left.is_multiple_of(2) {
            left /= 2;
            let pairs = &self.terms.as_chunks::<2>().0[..left * sums.len()];
            for (out, [a, b]) in self.halves.iter_mut().zip(pairs) {
                *out = a + b;
            }
            std::mem::swap(&mut self.terms, &mut self.halves);
        }
        for (sum, terms) in sums.iter_mut().zip(self.terms.chunks_exact(left)) {
            *sum = terms.iter().sum();
        }
    }

    /// The number of each element's head.
    #[inline(always)]
    fn spread(&mut self, numbers: &[f64]) -> &[f64] {
        for (out, &number) in self.halves.chunks_exact_mut(self.dim).zip(numbers) {
            out.fill(number);
        }
        &self.halves
    }
}
