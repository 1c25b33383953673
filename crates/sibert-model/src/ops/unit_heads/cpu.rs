use std::mem::MaybeUninit;

use candle_core::{Result, Tensor};
use cukernel::simd::vectorize;
use rayon::prelude::*;

use super::{Angles, Heads};
use crate::compute::buffer::{Values, tensor, uninit, written};
use crate::compute::by_float;
use crate::compute::real::Real;
use crate::compute::row_sums::TASK;
use crate::ops::rotary::turn::{COLUMNS, Numbers, write_head};
use crate::tape::{Backward, Sink};

/// The backward pass needs the result and the `1 / ‖x‖` of every head.
pub fn unit_heads([x]: [Tensor; 1], heads: Heads) -> Result<(Tensor, impl Backward)> {
    let (y, inverses) = by_float!("unit_heads", x.dtype(), T => {
        let (y, inverses) = forward::<T>(Values::of(&x).slice()?, &heads);
        (tensor(y, x.shape())?, inverses)
    });
    let kept = y.clone();
    let backward = move |dy: &Tensor, sink: &mut Sink| {
        let dx = by_float!("unit_heads", kept.dtype(), T => {
            let [ys, dys] = [&kept, dy].map(Values::of);
            tensor(backward::<T>(ys.slice()?, &inverses, dys.slice()?, &heads), kept.shape())
        })?;
        sink.add(0, dx)
    };
    Ok((y, backward))
}

/// The heads of unit length and the `1 / ‖x‖` of each; zero for one of zeros, NaN for one with a NaN.
fn forward<T: Real>(x: &[T], heads: &Heads) -> (Vec<T>, Vec<f64>) {
    let (dim, most) = (heads.dim, heads.of_a_task());
    let (mut y, mut inverses) = (uninit(x.len()), vec![0.; x.len() / dim]);
    let tasks = y.par_chunks_mut(most * dim).zip(inverses.par_chunks_mut(most)).zip(x.par_chunks(most * dim));
    tasks.enumerate().for_each(|(task, ((y, inverses), x))| {
        let mut memory = Memory::new(most);
        vectorize(
            #[inline(always)]
            || {
                memory.dots([x, x], dim, inverses);
                for inverse in &mut *inverses {
                    *inverse = if *inverse == 0. { 0. } else { 1. / inverse.sqrt() };
                }
                let mut place = heads.place(task * most);
                for ((y, x), &inverse) in y.chunks_mut(dim).zip(x.chunks(dim)).zip(&*inverses) {
                    place.write(1., &Unit { x, inverse }, y);
                }
            },
        );
    });
    // SAFETY: `x` has whole heads, and each is written.
    (unsafe { written(y) }, inverses)
}

/// `dx = Rᵀ (dy − y ⟨y, dy⟩) / ‖x‖`, from the heads of unit length.
fn backward<T: Real>(y: &[T], inverses: &[f64], dy: &[T], heads: &Heads) -> Vec<T> {
    let (dim, most) = (heads.dim, heads.of_a_task());
    let mut dx = uninit(y.len());
    let operands = y.par_chunks(most * dim).zip(dy.par_chunks(most * dim));
    let tasks = dx.par_chunks_mut(most * dim).zip(operands).zip(inverses.par_chunks(most));
    tasks.enumerate().for_each(|(task, ((dx, (y, dy)), inverses))| {
        let (mut memory, mut dots) = (Memory::new(most), vec![0.; inverses.len()]);
        vectorize(
            #[inline(always)]
            || {
                memory.dots([y, dy], dim, &mut dots);
                let mut place = heads.place(task * most);
                let operands = y.chunks(dim).zip(dy.chunks(dim)).zip(inverses.iter().zip(&dots));
                for (dx, ((y, dy), (&inverse, &dot))) in dx.chunks_mut(dim).zip(operands) {
                    place.write(-1., &Across { y, dy, dot, inverse }, dx);
                }
            },
        );
    });
    // SAFETY: `y` and `dy` have whole heads, and each is written.
    unsafe { written(dx) }
}

/// `x / ‖x‖`.
struct Unit<'a, T> {
    x: &'a [T],
    inverse: f64,
}

impl<T: Real> Numbers for Unit<'_, T> {
    #[inline(always)]
    fn some<const N: usize>(&self, start: usize) -> [f64; N] {
        self.x.some::<N>(start).map(
            #[inline(always)]
            |x| x * self.inverse,
        )
    }
}

/// `(dy − y ⟨y, dy⟩) / ‖x‖`.
struct Across<'a, T> {
    y: &'a [T],
    dy: &'a [T],
    dot: f64,
    inverse: f64,
}

impl<T: Real> Numbers for Across<'_, T> {
    #[inline(always)]
    fn some<const N: usize>(&self, start: usize) -> [f64; N] {
        let (y, mut dy) = (self.y.some::<N>(start), self.dy.some::<N>(start));
        for (dy, y) in dy.iter_mut().zip(y) {
            *dy = (*dy - y * self.dot) * self.inverse;
        }
        dy
    }
}

/// Where a head is.
struct Place<'a> {
    angles: Option<&'a Angles>,
    /// Heads of a row.
    count: usize,
    /// The row in its sequence.
    position: usize,
    /// The head in its row.
    head: usize,
}

impl Heads {
    /// Heads that one task works on: their numbers stay in the first cache.
    fn of_a_task(&self) -> usize {
        (TASK / 2 / self.dim).max(1)
    }

    /// Head `index` of all.
    fn place(&self, index: usize) -> Place<'_> {
        let (angles, count) = (self.angles.as_ref(), self.count);
        let position = angles.map_or(0, |angles| index / count % angles.seq());
        Place { angles, count, position, head: index % count }
    }
}

impl Place<'_> {
    /// Writes the head, turned by its angles where there are some, or with `sign` −1 back, and goes to the next.
    #[inline(always)]
    fn write<T: Real>(&mut self, sign: f64, numbers: &impl Numbers, y: &mut [MaybeUninit<T>]) {
        let Some(angles) = self.angles else { return write_head(numbers, y) };
        angles.turn(self.position, sign, numbers, y);
        self.head += 1;
        if self.head == self.count {
            self.head = 0;
            self.position = if self.position + 1 == angles.seq() { 0 } else { self.position + 1 };
        }
    }
}

/// Sums of some heads that are not yet complete.
struct Memory {
    sums: Vec<f64>,
    halves: Vec<f64>,
}

impl Memory {
    fn new(heads: usize) -> Self {
        Self { sums: vec![0.; COLUMNS * heads], halves: vec![0.; COLUMNS / 2 * heads] }
    }

    /// `⟨x, y⟩` of every head: one sum for each of [`COLUMNS`] columns, then the sums of neighbours, of all heads together.
    #[inline(always)]
    fn dots<T: Real>(&mut self, [x, y]: [&[T]; 2], dim: usize, out: &mut [f64]) {
        let sums = &mut self.sums.as_chunks_mut::<COLUMNS>().0[..out.len()];
        for (sums, (x, y)) in sums.iter_mut().zip(x.chunks_exact(dim).zip(y.chunks_exact(dim))) {
            *sums = [0.; COLUMNS];
            let whole = dim / COLUMNS * COLUMNS;
            for i in (0..whole).step_by(COLUMNS) {
                let (x, y) = (x.some::<COLUMNS>(i), y.some::<COLUMNS>(i));
                for (sum, (x, y)) in sums.iter_mut().zip(x.into_iter().zip(y)) {
                    *sum += x * y;
                }
            }
            for (sum, i) in sums.iter_mut().zip(whole..dim) {
                *sum += x[i].wide() * y[i].wide();
            }
        }
        let mut columns = COLUMNS;
        while columns > 1 {
            columns /= 2;
            let pairs = &self.sums.as_chunks::<2>().0[..columns * out.len()];
            for (half, [a, b]) in self.halves.iter_mut().zip(pairs) {
                *half = a + b;
            }
            std::mem::swap(&mut self.sums, &mut self.halves);
        }
        out.copy_from_slice(&self.sums[..out.len()]);
    }
}
