//! The step of a matrix along the orthogonal factor of its gradient.
//!
//! ```text
//! X ← G/‖G‖_F        5 times: A = Xᵀ X,  X ← X (α + β A + γ A²)        U = X
//! ```
//! The polynomial is Jordan's (2024, Muon): it takes every singular value of X that is not tiny to between 0.7 and 1.2. As
//! every factor is a polynomial in S = Xᵀ X, the whole is `U = X·P(S)`, and P is formed in (n, n), n being the short side:
//! the matrix itself is read twice, whatever its length.

mod composed;
mod cpu;
mod cuda;
mod polynomial;
mod sides;

use super::by_real;
use super::slices::{read, write};
use candle_core::{Result, Tensor, Var};
pub(crate) use cuda::Matrix;

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

/// Moves a matrix along the orthogonal factor U of its gradient, whose norm is `grad_norm`.
///
/// `how` gets `‖U‖²`. On the CPU no copy of the matrix or of its gradient is made: beside both there are four matrices (n, n) and a
/// few thousand rows at a time.
pub(crate) fn descend(
    var: WithBias<&Var>,
    grad: WithBias<&Tensor>,
    grad_norm: f64,
    how: impl FnOnce(f64) -> Move,
) -> Result<Moved> {
    if !var.matrix.device().is_cpu() {
        return composed::descend(var, grad, grad_norm, how);
    }
    let (rows, columns) = var.matrix.dims2()?;
    let sides = sides::Sides { rows, columns, bias: var.bias.is_some() };
    by_real!(var.matrix, T => read::<T, _>(grad.matrix, |g| {
        slice_of(grad.bias, |g_bias| {
            let grad = WithBias { matrix: g, bias: g_bias };
            let (p, squared) = cpu::factor(sides, grad, grad_norm.recip());
            let how = how(squared);
            write::<T, _>(var.matrix, |w| slice_of_mut(var.bias, |bias| {
                Ok(cpu::descend(sides, WithBias { matrix: w, bias }, grad, grad_norm.recip(), &p, how))
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
