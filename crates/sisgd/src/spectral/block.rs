//! Blocks of parameters, and how the gradient of each becomes a direction.

use crate::NamedVars;
use crate::ops::orthogonal::Bands;
use candle_core::{Result, bail};

/// How the gradient G of a block becomes the direction U of its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Factor {
    /// The orthogonal factor of a matrix (rows, columns): every singular value becomes about 1. A vector (rows) after the
    /// matrix, its bias, is one more column of it.
    Orthogonal,
    /// The orthogonal factors of so many bands of a matrix's rows, each by itself: of the heads of a query, key or value.
    RowBands(usize),
    /// The same of bands of columns: of the heads of an attention's output.
    ColumnBands(usize),
    /// `U_i = G_i/‖G_i‖` for each row of a table (rows, width), 0 where the gradient of a row is: only rows that occur move.
    Rows,
    /// `U = G`, all variables of the block taken together as one vector.
    Whole,
}

impl Factor {
    /// How a matrix is cut, if the factor is one of matrices.
    pub(crate) fn bands(self) -> Option<Bands> {
        match self {
            Self::Orthogonal => Some(Bands::Whole),
            Self::RowBands(count) => Some(Bands::Rows(count)),
            Self::ColumnBands(count) => Some(Bands::Columns(count)),
            Self::Rows | Self::Whole => None,
        }
    }
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
            (Factor::RowBands(count), [[rows, _]] | [[rows, _], [_]]) => count > 0 && rows % count == 0,
            (Factor::ColumnBands(count), [[_, columns]]) => count > 0 && columns % count == 0,
            (Factor::Whole, shapes) => !shapes.is_empty(),
            _ => false,
        };
        if fits {
            return Ok(());
        }
        let names: Vec<_> = self.vars.iter().map(|(name, _)| format!("`{name}`")).collect();
        let expected = match self.factor {
            Factor::Orthogonal => "a matrix, and perhaps a vector with an element for each of its rows",
            Factor::RowBands(_) => "a matrix whose rows divide into the bands",
            Factor::ColumnBands(_) => "a matrix whose columns divide into the bands",
            Factor::Rows => "one table (rows, width)",
            Factor::Whole => "at least one variable",
        };
        bail!("a block of {} has the shapes {shapes:?}, expected {expected}", names.join(" and "))
    }
}
