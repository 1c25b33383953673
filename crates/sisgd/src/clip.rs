//! Norms, thresholds and clip factors, as plain numbers.
//!
//! Two thresholds are in use: the constant one of common practice, and the relative one of the paper,
//! [`relative_threshold`], which grows with the parameters. Both cut through [`clip_factor`].

use crate::gradients::themselves;
use crate::ops::dots::{self, dots};
use crate::ops::group::{Group, Traits, has_kernels};
use crate::{Deferred, Gradient};
use candle_core::{Result, Tensor, Var};

/// The norm of a vector given the squared norms of its parts: `√(Σ ‖xᵢ‖²)`.
///
/// ```
/// assert_eq!(sisgd::clip::global_norm([9., 16.]), 5.);
/// ```
pub fn global_norm(squares: impl IntoIterator<Item = f64>) -> f64 {
    squares.into_iter().sum::<f64>().sqrt()
}

/// `‖x‖²` of a contiguous tensor of f32 or f64, summed in f64.
///
/// # Errors
/// If the device fails, or the tensor is of another kind.
pub fn squared_norm(x: &Tensor) -> Result<f64> {
    Ok(dots(x, Gradient::Dense(x))?.xx)
}

/// `‖x‖²` of each variable, in their order; on a GPU of all at once, and nothing waits for it.
///
/// # Errors
/// If the device fails, or a variable is neither f32 nor f64.
pub fn squared_norms(vars: &[(String, Var)]) -> Result<Deferred<Vec<f64>>> {
    if has_kernels(vars) {
        let group = Group::new(&themselves(vars), &[], |_| Traits::default())?;
        return Ok(Deferred::new(dots::squared_norms(&group)?, |norms| Ok(norms.to_vec())));
    }
    let squares = vars.iter().map(|(_, var)| squared_norm(var));
    Ok(Deferred::ready(squares.collect::<Result<_>>()?))
}

/// The threshold of relative global clipping, `√(2Cλ/η)·‖x‖`, from `clip = √C` (Li et al. 2022, Algorithm 1).
///
/// `√(2λ/η)·‖x‖` is the gradient norm in equilibrium: there `‖x(t+1)‖² = (1−ηλ)²‖x‖² + η²‖g‖²` gives `‖x‖²` back up to
/// `(ηλ)²`. The clipped step is then at most `√C·√(2ηλ)` times the parameter norm, for any gradient.
///
/// ```
/// assert_eq!(sisgd::clip::relative_threshold(2., 0.02, 0.01, 3.), 12.);
/// ```
pub fn relative_threshold(clip: f64, weight_decay: f64, lr: f64, param_norm: f64) -> f64 {
    clip * (2. * weight_decay / lr).sqrt() * param_norm
}

/// The factor that brings the norm of a gradient down to the threshold: `min(1, threshold/‖g‖)`.
///
/// No threshold, or a zero gradient, gives 1.
///
/// ```
/// assert_eq!(sisgd::clip::clip_factor(8., Some(2.)), 0.25);
/// assert_eq!(sisgd::clip::clip_factor(0., Some(0.)), 1.);
/// assert_eq!(sisgd::clip::clip_factor(8., None), 1.);
/// ```
pub fn clip_factor(grad_norm: f64, threshold: Option<f64>) -> f64 {
    match threshold {
        Some(threshold) if grad_norm > threshold => threshold / grad_norm,
        _ => 1.,
    }
}

/// How a step's threshold follows from `‖x‖`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Threshold {
    /// No clipping.
    None,
    /// The same at every step.
    Constant(f64),
    /// `√C`, for `√(2Cλ/η)·‖x‖`.
    Relative { clip: f64, weight_decay: f64, lr: f64 },
}

impl Threshold {
    /// A threshold that does not depend on the parameters.
    pub fn constant(threshold: Option<f64>) -> Self {
        threshold.map_or(Self::None, Self::Constant)
    }

    /// The threshold for parameters of this norm.
    pub fn at(self, param_norm: f64) -> Option<f64> {
        match self {
            Self::None => None,
            Self::Constant(threshold) => Some(threshold),
            Self::Relative { clip, weight_decay, lr } => {
                Some(relative_threshold(clip, weight_decay, lr, param_norm))
            }
        }
    }

    /// Slope and offset of the threshold as a function of `‖x‖`; no clipping is an infinite threshold.
    pub fn line(self) -> (f64, f64) {
        match self {
            Self::None => (0., f64::INFINITY),
            Self::Constant(threshold) => (0., threshold),
            Self::Relative { clip, weight_decay, lr } => (relative_threshold(clip, weight_decay, lr, 1.), 0.),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn clipped_gradients_are_no_longer_than_the_threshold(norm in 0f64..1e12, threshold in 1e-9f64..1e9) {
            let clipped = norm * clip_factor(norm, Some(threshold));
            prop_assert!(clipped <= threshold * (1. + 1e-15));
            prop_assert!(norm > threshold || clipped == norm);
        }

        #[test]
        fn the_step_is_bounded_relative_to_the_parameters(
            clip in 1f64..8., lr in 1e-6f64..1., weight_decay in 1e-6f64..1., param_norm in 1e-3f64..1e3, grad_norm in 0f64..1e9,
        ) {
            let threshold = relative_threshold(clip, weight_decay, lr, param_norm);
            let step = lr * grad_norm * clip_factor(grad_norm, Some(threshold));
            prop_assert!(step <= clip * (2. * lr * weight_decay).sqrt() * param_norm * (1. + 1e-12));
        }
    }
}
