//! What a forward pass is for, as an argument.

use candle_core::{Result, Tensor};

use crate::{ops, random};

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
