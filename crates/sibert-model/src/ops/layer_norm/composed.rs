use candle_core::{D, Result, Tensor};

use crate::ops::normalize;

/// `w ∘ (x − μ) / √(σ² + ε) + b`.
pub fn layer_norm([x, weight, bias]: [&Tensor; 3], eps: Option<f64>) -> Result<Tensor> {
    let normal = match eps {
        Some(eps) => {
            let x = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
            x.broadcast_div(&(x.sqr()?.mean_keepdim(D::Minus1)? + eps)?.sqrt()?)?
        }
        None => normalize::composed::normalize([x], ())?,
    };
    normal.broadcast_mul(weight)?.broadcast_add(bias)
}
