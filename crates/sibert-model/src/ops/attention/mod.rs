//! Multi-head attention without its scores in memory.
//!
//! Scores exist for one block of queries at a time, in the cache of the core that makes them, and are made again in the
//! backward pass: memory grows linearly with the length of the sequence. Heads are blocks of columns of the inputs and
//! of the result, read and written in place.

mod columns;
mod composed;
mod cpu;
pub(super) mod cuda;
mod problem;
mod row;
mod scratch;
#[cfg(test)]
mod tests;
mod transpose;
mod weights;

use candle_core::{Result, Tensor};

use super::op;
use problem::Problem;

pub use weights::{Dropout, Weights};

/// `P V` of every head, where the rows of P are the `weights` of the scores `Q Kᵀ` over the keys that `keep` has.
///
/// Query, key, value and the result are (batch, seq, heads · dim); keep is (batch, seq), 0 for padding and 1 else, of any
/// dtype. A row gives zeros if all its keys are padding or, with [`Weights::Relu`], if it has no positive score; there
/// the result has degree zero in query and key, and degree one in value.
///
/// With R the row sums, M the dropout mask divided by `1 − p` and `D = Σ_columns dO ∘ O` the backward pass is
/// ```text
/// dV = (P ∘ M)ᵀ dO    dP = M ∘ dO Vᵀ    dS = [S > 0] ∘ (dP − D) / R   or   c P ∘ (dP − D)
/// dQ = dS K           dK = dSᵀ Q
/// ```
///
/// # Errors
/// If the shapes do not fit, the probability is not in \[0, 1), softmax's factor is not a positive number, or the dtype is
/// not [supported](crate::ops).
pub fn attention(
    query: &Tensor,
    key: &Tensor,
    value: &Tensor,
    keep: &Tensor,
    heads: usize,
    weights: Weights,
    dropout: Option<Dropout>,
) -> Result<Tensor> {
    let inputs = [query, key, value];
    let options = (Problem::new(inputs, keep, heads, weights, dropout)?, keep.detach());
    op("attention", inputs, options, cpu::attention, cuda::attention, composed::attention)
}
