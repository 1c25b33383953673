//! A linear map without bias: block L, degrees (x ; x+1).

use candle_core::{Result, TensorId};
use candle_nn::{Init, VarBuilder};

use crate::homogeneous::{Homogeneous, One, Plus, Two, Zero};

/// `y = x Wᵀ`.
pub struct Linear {
    weight: Homogeneous<One>, // (out, in)
}

impl Linear {
    /// Takes the parameter `weight` of shape (out, in), drawn with deviation `std`.
    ///
    /// # Errors
    /// If the parameter is missing or has another shape.
    pub fn new(in_dim: usize, out_dim: usize, std: f64, vb: VarBuilder) -> Result<Self> {
        let init = Init::Randn { mean: 0., stdev: std };
        let weight = Homogeneous::parameter(vb.get_with_hints((out_dim, in_dim), "weight", init)?);
        Ok(Self { weight })
    }

    /// (…, in) to (…, out).
    ///
    /// # Errors
    /// If the last dimension is not `in`.
    pub fn forward<D: Plus<One>>(&self, x: &Homogeneous<D>) -> Result<Homogeneous<D::Sum>> {
        x.linear(&self.weight)
    }

    /// `max(x Wᵀ + b, 0) W₂ᵀ`, with bias (out) of the degree of the product, and W₂ of the linear map that follows.
    ///
    /// # Errors
    /// As [`forward`](Self::forward), if the bias has not `out` elements, or if `next` does not read them.
    pub fn forward_relu_into(
        &self,
        x: &Homogeneous<Zero>,
        bias: &Homogeneous<One>,
        next: &Self,
    ) -> Result<Homogeneous<Two>> {
        x.feed_forward(&self.weight, bias, &next.weight)
    }

    /// The weight's name within this process.
    pub(crate) fn id(&self) -> TensorId {
        self.weight.id()
    }
}
