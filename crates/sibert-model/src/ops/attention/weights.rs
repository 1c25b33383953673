//! The rules that make weights of scores.

use candle_core::{Result, bail};

/// How scores become the weights of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Weights {
    /// `relu(s) / Σ relu(s)`: SIBERT, of degree zero in the scores (Li et al. 2022, section 3).
    Relu,
    /// `exp(c s) / Σ exp(c s)`: BERT, and SIBERT with scores of degree zero.
    Softmax {
        /// The factor c of the scores, a positive number.
        scale: f64,
    },
}

impl Weights {
    /// Softmax with BERT's factor, `1 / √dim`.
    pub fn softmax(dim: usize) -> Self {
        Self::Softmax { scale: (dim as f64).powf(-0.5) }
    }

    /// The factor of the scores, which the weights of ReLU do not depend on.
    pub(super) fn scale(self) -> f64 {
        match self {
            Self::Relu => 1.,
            Self::Softmax { scale } => scale,
        }
    }
}

/// Inverted dropout of the weights; see [`crate::ops::dropout`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Dropout {
    /// Probability of zero, in \[0, 1).
    pub p: f32,
    /// Key of the mask.
    pub key: u64,
    /// Index of the first weight, of shape (batch, heads, seq, seq), in the stream of the key.
    pub offset: usize,
}

impl Weights {
    /// Refuses a factor that is no positive number.
    pub(super) fn check(self) -> Result<()> {
        match self {
            Self::Softmax { scale } if !(scale.is_finite() && scale > 0.) => {
                bail!("attention: the factor {scale} of the scores is not a positive number")
            }
            _ => Ok(()),
        }
    }
}

impl Dropout {
    /// Refuses a probability outside \[0, 1).
    pub(super) fn check(self) -> Result<()> {
        match (0. ..1.).contains(&self.p) {
            true => Ok(()),
            false => bail!("attention: dropout probability {} is not in [0, 1)", self.p),
        }
    }
}
