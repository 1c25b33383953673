//! Blocks of parameters, and how the gradient of each becomes a direction.

use crate::NamedVars;
use candle_core::{Result, bail};

/// How the gradient G of a block becomes the direction U of its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Factor {
    /// The orthogonal factor of a matrix (rows, columns): every singular value becomes about 1. A vector (rows) after the
    /// matrix, its bias, is one more column of it.
    Orthogonal,
    /// `U_i = G_i/‖G_i‖` for each row of a table (rows, width), 0 where the gradient of a row is: only rows that occur move.
    Rows,
    /// `U = G`, all variables of the block taken together as one vector.
    Whole,
}

/// Parameters that move together, by an angle of their own.
#[derive(Debug, Clone)]
pub struct Block {
    /// How its gradient becomes a direction.
    pub factor: Factor,
    /// Its variables.
    pub vars: NamedVars,
}

impl Block {
    /// Refuses variables that do not fit the factor.
    pub(super) fn validate(&self) -> Result<()> {
        let shapes: Vec<_> = self.vars.iter().map(|(_, var)| var.dims()).collect();
        let fits = match (self.factor, shapes.as_slice()) {
            (Factor::Orthogonal, [[_, _]]) | (Factor::Rows, [[_, _]]) => true,
            (Factor::Orthogonal, [[rows, _], [bias]]) => rows == bias,
            (Factor::Whole, shapes) => !shapes.is_empty(),
            _ => false,
        };
        if fits {
            return Ok(());
        }
        let names: Vec<_> = self.vars.iter().map(|(name, _)| format!("`{name}`")).collect();
        let expected = match self.factor {
            Factor::Orthogonal => "a matrix, and perhaps a vector with an element for each of its rows",
            Factor::Rows => "one table (rows, width)",
            Factor::Whole => "at least one variable",
        };
        bail!("a block of {} has the shapes {shapes:?}, expected {expected}", names.join(" and "))
    }
}
