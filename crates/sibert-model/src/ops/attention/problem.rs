//! One call of attention: its shapes and options.

use candle_core::{Result, Tensor, bail};
use sibert_products::Precision;

use super::weights::{Dropout, Weights};

/// Shapes and options.
#[derive(Clone, Copy, Debug)]
pub struct Problem {
    pub batch: usize,
    pub seq: usize,
    pub heads: usize,
    pub dim: usize,
    pub weights: Weights,
    pub dropout: Option<Dropout>,
    pub precision: Precision,
}

impl Problem {
    /// The problem of these tensors.
    ///
    /// # Errors
    /// If the shapes do not fit, or an option means nothing.
    pub fn new(
        [query, key, value]: [&Tensor; 3],
        keep: &Tensor,
        heads: usize,
        weights: Weights,
        dropout: Option<Dropout>,
    ) -> Result<Self> {
        let (batch, seq, hidden) = query.dims3()?;
        if key.dims() != query.dims() || value.dims() != query.dims() {
            bail!(
                "attention: key of shape {:?} and value of shape {:?} do not fit query of shape {:?}",
                key.dims(),
                value.dims(),
                query.dims()
            )
        }
        if keep.dims() != [batch, seq] {
            bail!("attention: keep of shape {:?} does not fit query of shape {:?}", keep.dims(), query.dims())
        }
        if heads == 0 || hidden == 0 || hidden % heads != 0 {
            bail!("attention: {hidden} columns are not a multiple of {heads} heads")
        }
        dropout.map_or(Ok(()), Dropout::check)?;
        weights.check()?;
        let (dim, precision) = (hidden / heads, Precision::current());
        Ok(Self { batch, seq, heads, dim, weights, dropout, precision })
    }
}
