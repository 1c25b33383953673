//! The step of a matrix along the orthogonal factor of its gradient.
//!
//! ```text
//! X ← G/‖G‖_F        5 times: A = Xᵀ X,  X ← X (α + β A + γ A²)        U = X
//! ```
//! The polynomial is Jordan's (2024, Muon): it takes every singular value of X that is not tiny to between 0.7 and 1.2. As
//! every factor is a polynomial in S = Xᵀ X, the whole is `U = X·P(S)`, and P is formed in (n, n), n being the short side:
//! the matrix itself is read twice, whatever its length. On the CPU another P of the same S does as well, for an eighth of
//! the multiplications: [`rational`].

mod bands;
mod composed;
mod cpu;
mod cuda;
mod inverse;
mod polynomial;
mod rational;
mod sides;
mod triangle;

use super::by_real;
use super::slices::{read, write};
use crate::Polar;
use candle_core::{Result, Tensor, Var};
use rayon::prelude::*;
use sibert_products::Precision;

pub(crate) use bands::Bands;
pub(crate) use cuda::Matrix;

/// The way to U on the CPU.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    pub polar: Polar,
    /// Of the products.
    pub precision: Precision,
}

impl Way {
    /// The precision of the Gram matrix, whose rounding must not come near the poles of the rational function.
    fn of_gram(self) -> Precision {
        match self.polar {
            Polar::NewtonSchulz => self.precision,
            Polar::Zolotarev => Precision::F32,
        }
    }
}

/// `W ← keep·W − rate·U`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Move {
    pub keep: f64,
    pub rate: f64,
}

/// The outcome of a step for a block W, in f64: `‖W'‖²` and `⟨W, W'⟩`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moved {
    pub squared: f64,
    pub along: f64,
}

impl Moved {
    /// Of several parts together.
    pub fn plus(self, other: Self) -> Self {
        Self { squared: self.squared + other.squared, along: self.along + other.along }
    }
}

/// A matrix (rows, columns) and the vector (rows) that is one more column of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WithBias<T> {
    pub matrix: T,
    pub bias: Option<T>,
}

/// Moves a matrix along the orthogonal factors U of its bands' gradients; the norm of the whole is `grad_norm`.
///
/// `how` gets `‖U‖²`, and `way` is that on the CPU. There no copy of the matrix or of its gradient is
/// made: beside both there are four matrices (n, n) and a few thousand rows at a time, and P (n, n) of each band.
pub(crate) fn descend(
    bands: Bands,
    var: WithBias<&Var>,
    grad: WithBias<&Tensor>,
    grad_norm: f64,
    way: Way,
    how: impl FnOnce(f64) -> Move,
) -> Result<Moved> {
    if !var.matrix.device().is_cpu() {
        return composed::descend(bands, var, grad, grad_norm, how);
    }
    let bands = bands.of(var.matrix.dims2()?, var.bias.is_some());
    by_real!(var.matrix, T => read::<T, _>(grad.matrix, |g| {
        slice_of(grad.bias, |g_bias| {
            let grad = WithBias { matrix: g, bias: g_bias };
            let factor = |band: &bands::Band| {
                let scale = if bands.len() == 1 { grad_norm.recip() } else { band.scale(grad) };
                (scale, cpu::factor(way, band.sides, band.of(grad), scale))
            };
            let factors: Vec<_> = bands.par_iter().map(factor).collect();
            let how = how(factors.iter().map(|(_, (_, squared))| squared).sum());
            write::<T, _>(var.matrix, |w| slice_of_mut(var.bias, |mut bias| {
                let mut moved = Moved::default();
                for (band, (scale, (p, _))) in bands.iter().zip(&factors) {
                    let w = band.of_mut(WithBias { matrix: &mut *w, bias: bias.as_deref_mut() });
                    moved = moved.plus(cpu::descend(way.precision, band.sides, w, band.of(grad), *scale, p, how));
                }
                Ok(moved)
            }))
        })
    }))
}

fn slice_of<T: super::Real, R>(
    tensor: Option<&Tensor>,
    f: impl FnOnce(Option<&[T]>) -> Result<R>,
) -> Result<R> {
    match tensor {
        Some(tensor) => read(tensor, |values| f(Some(values))),
        None => f(None),
    }
}

fn slice_of_mut<T: super::Real, R>(
    var: Option<&Var>,
    f: impl FnOnce(Option<&mut [T]>) -> Result<R>,
) -> Result<R> {
    match var {
        Some(var) => write(var, |values| f(Some(values))),
        None => f(None),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
