//! Slices in, a step out.

use super::polynomial::polynomial;
use super::rational::rational;
use super::sides::{Chunk, Sides};
use super::triangle::triangle;
use super::{Move, Moved, Way, WithBias};
use crate::Polar;
use crate::ops::{LANES, Real, fold_lanes, padded, vectorize};
use rayon::prelude::*;
use sibert_products::{Matrix, Precision, serial};

/// `P` and `‖U‖²` with `U = X P`, where X, (long, short), is the gradient times `scale`.
pub(super) fn factor<T: Real>(way: Way, sides: Sides, grad: WithBias<&[T]>, scale: f64) -> (Vec<T>, f64) {
    let precision = way.of_gram();
    let n = sides.short();
    let chunks: Vec<_> = sides.chunks().collect();
    let grams = chunks.into_par_iter().map(|lines| gram(precision, &sides.chunk(grad, lines, scale), n));
    let gram = grams.collect::<Vec<_>>().into_iter().reduce(|mut sum, part| {
        sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        sum
    });
    let gram = gram.unwrap_or_default();
    let by_inverses = if way.polar == Polar::Zolotarev { rational(&gram, n) } else { None };
    by_inverses.unwrap_or_else(|| polynomial(precision, gram, n))
}

/// `Xᵀ X` (n, n) of a chunk.
fn gram<T: Real>(precision: Precision, x: &Chunk<T>, n: usize) -> Vec<T> {
    let mut gram = vec![T::default(); n * n];
    triangle(n, &mut gram, |start, end, gram| {
        let left = x.matrix(start).t();
        serial(precision, (end - start, end, x.lines), left, x.matrix(0), &mut gram[start * n..], n, false);
    });
    gram
}

/// `W ← keep·W − rate·X P`.
pub(super) fn descend<T: Real>(
    precision: Precision,
    sides: Sides,
    w: WithBias<&mut [T]>,
    grad: WithBias<&[T]>,
    scale: f64,
    p: &[T],
    how: Move,
) -> Moved {
    let step = |w: WithBias<&mut [T]>, lines: std::ops::Range<usize>| {
        let first = lines.start;
        let u = times(precision, &sides.chunk(grad, lines, scale), p, sides.short());
        let mut moved = Lanes([[0.; LANES]; 2]);
        sides.visit(w, &u, first, |w, u| {
            let moved = &mut moved;
            vectorize!([moved, w] moved.advance(w, u, how));
        });
        moved.sum()
    };
    let chunks: Vec<_> = sides.chunks().collect();
    let WithBias { matrix, bias } = w;
    let moved: Vec<_> = if sides.tall() {
        let height = chunks.first().map_or(1, ExactSizeIterator::len);
        let parts = matrix.par_chunks_mut((height * sides.stride).max(1));
        match bias {
            Some(bias) => {
                let parts = parts.zip(bias.par_chunks_mut(height)).zip(chunks);
                let step = |((matrix, bias), lines)| step(WithBias { matrix, bias: Some(bias) }, lines);
                parts.map(step).collect()
            }
            None => parts
                .zip(chunks)
                .map(|(matrix, lines)| step(WithBias { matrix, bias: None }, lines))
                .collect(),
        }
    } else {
        let mut bias = bias;
        let mut whole = |lines| step(WithBias { matrix: &mut *matrix, bias: bias.as_deref_mut() }, lines);
        chunks.into_iter().map(&mut whole).collect()
    };
    moved.into_iter().fold(Moved::default(), Moved::plus)
}

/// `X P`, in memory as X is.
fn times<T: Real>(precision: Precision, x: &Chunk<T>, p: &[T], n: usize) -> Chunk<T> {
    let mut data = vec![T::default(); x.data.len()];
    let (x_matrix, p) = (x.matrix(0), Matrix::rows(p, n));
    match x.element {
        1 => serial(precision, (x.lines, n, n), x_matrix, p, &mut data, x.line, false),
        _ => serial(precision, (n, x.lines, n), p.t(), x_matrix.t(), &mut data, x.element, false),
    }
    Chunk { data, ..*x }
}

/// `‖W'‖²` and `⟨W, W'⟩` in interleaved parts.
struct Lanes([[f64; LANES]; 2]);

impl Lanes {
    /// `w ← keep·w − rate·u`, rounded once.
    #[inline(always)]
    fn advance<T: Real>(&mut self, w: &mut [T], u: &[T], how: Move) {
        let ((body, tail), (u, u_tail)) = (w.as_chunks_mut::<LANES>(), u.as_chunks::<LANES>());
        for (w, u) in body.iter_mut().zip(u) {
            self.row(w, u, how);
        }
        if !tail.is_empty() {
            let mut row = padded(tail);
            self.row(&mut row, &padded(u_tail), how);
            tail.copy_from_slice(&row[..tail.len()]);
        }
    }

    #[inline(always)]
    fn row<T: Real>(&mut self, w: &mut [T; LANES], u: &[T; LANES], Move { keep, rate }: Move) {
        let Self([squared, along]) = self;
        for lane in 0..LANES {
            let old = w[lane].widen();
            w[lane] = T::narrow(keep * old - rate * u[lane].widen());
            let new = w[lane].widen();
            squared[lane] += new * new;
            along[lane] += old * new;
        }
    }

    fn sum(self) -> Moved {
        let [squared, along] = fold_lanes(self.0);
        Moved { squared, along }
    }
}
