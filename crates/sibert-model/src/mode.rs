//! The purpose of a forward pass, as an argument.

use candle_core::{Result, Tensor};

use crate::ops::{self, Weights};
use crate::random;

/// Evaluation, or training with the dropout masks of one seed.
#[derive(Clone, Copy, Debug)]
pub enum Mode {
    /// No dropout.
    Eval,
    /// Dropout whose masks are a pure function of the key, the place in the network and the row.
    Train {
        /// Key of this pass, or of the part of the network that it has reached.
        key: u64,
        /// Index of the first sequence within the global batch: micro-batches draw the masks of the whole batch.
        first_row: usize,
    },
}

/// Some of the rows of a tensor (batch, seq, hidden), the only ones whose last hidden states are asked for.
#[derive(Clone, Debug)]
pub struct Selection {
    /// Their flat indices into (batch · seq), u32 (n).
    pub ids: Tensor,
    /// Length of a sequence.
    pub seq: usize,
}

impl Selection {
    /// The first token of each text of ids (batch, seq).
    pub(crate) fn first_tokens(input_ids: &Tensor) -> Result<Self> {
        let (batch, seq) = input_ids.dims2()?;
        let ids = Tensor::from_iter((0..batch).map(|text| (text * seq) as u32), input_ids.device())?;
        Ok(Self { ids, seq })
    }

    /// The selected rows (n, hidden) of (batch, seq, hidden), or the whole where nothing was selected.
    pub(crate) fn of(rows: Option<&Self>, x: &Tensor) -> Result<Tensor> {
        rows.map_or_else(|| Ok(x.clone()), |rows| ops::rows(x, &rows.ids))
    }
}

impl Mode {
    /// Training with the masks of `seed`, on a whole batch.
    pub fn train(seed: u64) -> Self {
        Mode::Train { key: seed, first_row: 0 }
    }

    /// The mode for a micro-batch that begins at sequence `first_row` of its batch.
    pub fn from_row(self, first_row: usize) -> Self {
        match self {
            Mode::Eval => Mode::Eval,
            Mode::Train { key, .. } => Mode::Train { key, first_row },
        }
    }

    /// The mode for the `index`-th part of the network: its masks are unrelated to the other parts'.
    pub fn fork(self, index: usize) -> Self {
        match self {
            Mode::Eval => Mode::Eval,
            Mode::Train { key, first_row } => Mode::Train { key: random::fork(key, index as u64), first_row },
        }
    }

    /// Multi-head attention of queries, keys and values (batch, seq, hidden), with dropout on its weights.
    pub(crate) fn attention(
        self,
        [query, key, value]: [&Tensor; 3],
        keep: &Tensor,
        heads: usize,
        weights: Weights,
        p: f32,
    ) -> Result<Tensor> {
        let dropout = match self {
            Mode::Eval => None,
            Mode::Train { key, first_row } => {
                let seq = query.dim(1)?;
                Some(ops::Dropout { p, key, offset: first_row * heads * seq * seq })
            }
        };
        ops::attention(query, key, value, keep, heads, weights, dropout)
    }

    /// `x + dropout(y)`, of (batch, seq, hidden), or of some of its rows (n, hidden).
    pub(crate) fn add_dropout(
        self,
        x: &Tensor,
        y: &Tensor,
        p: f32,
        rows: Option<&Selection>,
    ) -> Result<Tensor> {
        match (self, rows) {
            (Mode::Eval, _) => ops::residual(x, y, 0., 0, 0),
            (Mode::Train { key, first_row }, None) => {
                ops::residual(x, y, p, key, first_row * y.dims().iter().skip(1).product::<usize>())
            }
            (Mode::Train { key, first_row }, Some(Selection { ids, seq })) => {
                ops::residual_rows(x, y, p, key, first_row * seq * y.dim(1)?, ids)
            }
        }
    }

    /// Inverted dropout of (batch, …): each element is zero with probability `p`, else divided by `1 - p`.
    pub(crate) fn dropout(self, x: &Tensor, p: f32) -> Result<Tensor> {
        match self {
            Mode::Eval => Ok(x.clone()),
            Mode::Train { key, first_row } => {
                let offset = first_row * x.dims().iter().skip(1).product::<usize>();
                ops::dropout(x, p, key, offset)
            }
        }
    }
}
