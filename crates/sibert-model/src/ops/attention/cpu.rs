use candle_core::{Result, Tensor};
use cukernel::simd::prefetch;
use rayon::prelude::*;
use sibert_products::{Matrix, serial};

use super::columns::Columns;
use super::row::{self, Float as Real, Forward, LANES, Rows, Rule};
use super::scratch::scratch;
use super::transpose::{WORK, transpose};
use super::{Problem, Weights};
use crate::compute::buffer::{Values, tensor, uninit, written};
use crate::compute::by_float;
use crate::tape::{Backward, Sink};

/// Scores of one block of queries, and numbers of a head that is fetched: so many stay in a core's second cache.
const SCORES: usize = 1 << 16;

pub fn attention(
    [q, k, v]: [Tensor; 3],
    (problem, keep): (Problem, Tensor),
) -> Result<(Tensor, impl Backward)> {
    let keep = keep.to_dtype(q.dtype())?.contiguous()?;
    let o = by_float!("attention", q.dtype(), T => {
        let [qs, ks, vs, keep] = [&q, &k, &v, &keep].map(Values::of);
        let qkv = [qs.slice::<T>()?, ks.slice()?, vs.slice()?];
        tensor(forward(&problem, qkv, keep.slice()?), q.shape())
    })?;
    let kept = o.clone();
    let backward = move |d: &Tensor, sink: &mut Sink| {
        let gradients = by_float!("attention", q.dtype(), T => {
            let [qs, ks, vs, os, ds, keep] = [&q, &k, &v, &kept, d, &keep].map(Values::of);
            let qkv = [qs.slice::<T>()?, ks.slice()?, vs.slice()?];
            let [dq, dk, dv] = backward(&problem, qkv, keep.slice()?, os.slice()?, ds.slice()?);
            [tensor(dq, q.shape())?, tensor(dk, q.shape())?, tensor(dv, q.shape())?]
        });
        gradients.into_iter().enumerate().try_for_each(|(i, gradient)| sink.add(i, gradient))
    };
    Ok((o, backward))
}

impl Problem {
    fn hidden(&self) -> usize {
        self.heads * self.dim
    }

    /// Queries of one block.
    fn block(&self) -> usize {
        (SCORES / self.seq.max(1) / 16 * 16).clamp(32, 128).min(self.seq)
    }

    /// The columns of head `index` = (sequence, head) in a tensor (batch, seq, hidden).
    fn columns<'a, T>(&self, x: &'a [T], index: usize) -> Matrix<'a, T> {
        Matrix::rows(&x[self.start(index)..], self.hidden())
    }

    fn start(&self, index: usize) -> usize {
        index / self.heads * self.seq * self.hidden() + index % self.heads * self.dim
    }

    /// Asks for the rows of the next head, which are too far apart for the processor to see a pattern; if it is small enough to
    /// wait in the second cache.
    fn fetch_next<T>(&self, index: usize, tensors: &[&[T]]) {
        if tensors.len() * self.seq * self.dim > SCORES {
            return;
        }
        let start = self.start(index + 1);
        for x in tensors.iter().filter(|x| start < x.len()) {
            for row in x[start..].chunks(self.hidden()).take(self.seq) {
                row.iter().take(self.dim).step_by(64 / size_of::<T>()).for_each(|x| prefetch(x));
            }
        }
    }

    /// The mask of the keys up to the last that is no padding.
    fn keys<'a, T: Real>(&self, keep: &'a [T], index: usize) -> &'a [T] {
        let keep = &keep[index / self.heads * self.seq..][..self.seq];
        &keep[..keep.iter().rposition(|&keep| keep != T::zero()).map_or(0, |last| last + 1)]
    }

    /// The scores of the queries of head `index` from `first` on.
    fn rows<'a, T: Real>(
        &self,
        scores: &'a mut [T],
        stride: usize,
        (index, first): (usize, usize),
        keys: usize,
        draws: &'a mut [u32],
    ) -> Rows<'a, T> {
        let start = self.dropout.map_or(0, |dropout| dropout.offset) + (index * self.seq + first) * self.seq;
        let (rule, len) = (Rule::new(self.weights, self.dropout), keys.next_multiple_of(LANES));
        Rows { rule, scores, stride, len, weights: (start, self.seq), draws }
    }
}

/// Distance of two rows of `len` elements: not a power of two, which would put a column into few lines of a cache.
fn padded(len: usize) -> usize {
    len.next_multiple_of(LANES) + LANES
}

/// Scores of padding inside the sequence, and those that fill the last vector, become `none`.
fn hide<T: Real>(scores: &mut [T], stride: usize, keep: &[T], none: T) {
    let fill = keep.len()..keep.len().next_multiple_of(LANES);
    let padding: Vec<usize> = (0..keep.len()).filter(|&key| keep[key] == T::zero()).collect();
    if fill.is_empty() && padding.is_empty() {
        return;
    }
    for row in scores.chunks_mut(stride) {
        row[fill.clone()].fill(none);
        padding.iter().for_each(|&key| row[key] = none);
    }
}

/// The score that has no weight.
fn none<T: Real>(weights: Weights) -> T {
    match weights {
        Weights::Relu => T::zero(),
        Weights::Softmax { .. } => T::narrow(f64::NEG_INFINITY),
    }
}

/// `O`, of the shape of the query.
pub fn forward<T: Real>(problem: &Problem, [q, k, v]: [&[T]; 3], keep: &[T]) -> Vec<T> {
    let mut out = uninit(q.len());
    let target = Columns::new(&mut out, problem.hidden(), problem.dim);
    (0..problem.batch * problem.heads).into_par_iter().for_each(|index| {
        let keep = problem.keys(keep, index);
        forward_head(problem, index, [q, k, v], keep, &target);
    });
    // SAFETY: every task writes the whole of its head, and the heads make up the tensor.
    unsafe { written(out) }
}

fn forward_head<T: Real>(p: &Problem, index: usize, [q, k, v]: [&[T]; 3], keep: &[T], out: &Columns<T>) {
    let (seq, dim, keys, start) = (p.seq, p.dim, keep.len(), p.start(index));
    if keys == 0 {
        // SAFETY: rows of this task's head.
        return unsafe { out.clear(start, 0, seq) };
    }
    let (block, len, stride) = (p.block(), keys.next_multiple_of(LANES), padded(keys));
    p.fetch_next(index, &[q, k, v]);
    let [q, k, v] = [q, k, v].map(|x| p.columns(x, index));
    scratch([dim * stride, block * stride, WORK * dim, stride + 2], |[kt, s, work, draws]| {
        let draws = integers(draws);
        transpose(k, (keys, dim), kt, stride, work);
        for first in (0..seq).step_by(block) {
            let rows = block.min(seq - first);
            let q = Matrix { data: &q.data[first * q.row..], ..q };
            serial(p.precision, (rows, len, dim), q, Matrix::rows(kt, stride), s, stride, false);
            hide(&mut s[..rows * stride], stride, keep, none(p.weights));
            let scores = &mut s[..rows * stride];
            T::dispatch(Forward(p.rows(scores, stride, (index, first), keys, draws)));
            // SAFETY: rows of this task's head; `s` holds (rows, keys) scores, `v` at least `keys` rows.
            unsafe {
                out.product(p.precision, [start, first], (rows, keys), Matrix::rows(s, stride), v, false)
            };
        }
    });
}

/// A buffer's bytes as integers, at first the draws that a rule without dropout keeps.
fn integers<T>(buffer: &mut [T]) -> &mut [u32] {
    // SAFETY: every bit pattern is a value of u32.
    let integers = unsafe { buffer.align_to_mut::<u32>() }.1;
    integers.fill(0);
    integers
}

/// `dQ`, `dK` and `dV` from the result `o` and its gradient `d`.
pub fn backward<T: Real>(problem: &Problem, qkv: [&[T]; 3], keep: &[T], o: &[T], d: &[T]) -> [Vec<T>; 3] {
    let mut out = [uninit(d.len()), uninit(d.len()), uninit(d.len())];
    let targets = out.each_mut().map(|out| Columns::new(out, problem.hidden(), problem.dim));
    (0..problem.batch * problem.heads).into_par_iter().for_each(|index| {
        backward_head(problem, index, qkv, problem.keys(keep, index), [o, d], &targets);
    });
    // SAFETY: every task writes the whole of its head, and the heads make up the tensors.
    out.map(|out| unsafe { written(out) })
}

fn backward_head<T: Real>(
    p: &Problem,
    index: usize,
    [q, k, v]: [&[T]; 3],
    keep: &[T],
    [o, d]: [&[T]; 2],
    [dq, dk, dv]: &[Columns<T>; 3],
) {
    let (seq, dim, keys, start) = (p.seq, p.dim, keep.len(), p.start(index));
    // SAFETY: rows of this task's head.
    unsafe {
        dk.clear(start, keys, seq);
        dv.clear(start, keys, seq);
        if keys == 0 {
            return dq.clear(start, 0, seq);
        }
    }
    let (block, len, stride) = (p.block(), keys.next_multiple_of(LANES), padded(keys));
    p.fetch_next(index, &[q, k, v, o, d]);
    let [q, k, v, o, d] = [q, k, v, o, d].map(|x| p.columns(x, index));
    let lens = [dim * stride, dim * stride, block * stride, block * stride, WORK * dim, stride + 2];
    scratch(lens, |[kt, vt, s, ds, work, draws]| {
        let draws = integers(draws);
        transpose(k, (keys, dim), kt, stride, work);
        transpose(v, (keys, dim), vt, stride, work);
        for first in (0..seq).step_by(block) {
            let rows = block.min(seq - first);
            let [q, o, d] = [q, o, d].map(|x| Matrix { data: &x.data[first * x.row..], ..x });
            serial(p.precision, (rows, len, dim), q, Matrix::rows(kt, stride), s, stride, false);
            serial(p.precision, (rows, len, dim), d, Matrix::rows(vt, stride), ds, stride, false);
            hide(&mut s[..rows * stride], stride, keep, none(p.weights));
            let (scores, gradients) = (&mut s[..rows * stride], &mut ds[..rows * stride]);
            let rows_of_scores = p.rows(scores, stride, (index, first), keys, draws);
            T::dispatch(row::Backward { rows: rows_of_scores, d: gradients, result: [o, d], dim });
            let (s, ds) = (Matrix::rows(s, stride), Matrix::rows(ds, stride));
            // SAFETY: rows of this task's head; `s` and `ds` hold (rows, keys) elements, `q` and `d` at least `rows` rows
            // and `k` at least `keys`.
            unsafe {
                dq.product(p.precision, [start, first], (rows, keys), ds, k, false);
                dv.product(p.precision, [start, 0], (keys, rows), s.t(), d, first > 0);
                dk.product(p.precision, [start, 0], (keys, rows), ds.t(), q, first > 0);
            }
        }
    });
}
