//! Gradients on their way from a backward pass to a training rule.

use candle_core::backprop::GradStore;
use candle_core::{Tensor, Var};

/// The gradient of one variable.
#[derive(Debug, Clone, Copy)]
pub enum Gradient<'a> {
    /// A tensor of the variable's shape.
    Dense(&'a Tensor),
    /// Some rows of a table (n, width); the others are zero.
    Rows {
        /// The numbers of the rows, ascending, each once.
        ids: &'a [u32],
        /// Their gradients (ids, width).
        values: &'a Tensor,
    },
}

/// The gradients that a backward pass leaves behind: candle's `GradStore`, or another collection.
pub trait GradientSource {
    /// The gradient of `var`, if the loss depends on it.
    fn gradient(&self, var: &Var) -> Option<Gradient<'_>>;
}

impl GradientSource for GradStore {
    fn gradient(&self, var: &Var) -> Option<Gradient<'_>> {
        self.get(var).map(Gradient::Dense)
    }
}
