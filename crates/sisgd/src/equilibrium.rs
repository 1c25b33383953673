//! Where SGD with weight decay comes to rest on a scale-invariant loss.
//!
//! A gradient orthogonal to `x` makes every step obey Pythagoras, and one that shrinks as `x` grows, `‖g‖ = σ/‖x‖`,
//! leaves a single norm at which decay and gradient are in balance (Li et al. 2022, sections 2 and 4):
//!
//! ```text
//! ‖x(t+1)‖² = (1 − ηλ)²·‖x(t)‖² + η²σ²/‖x(t)‖²
//! ‖x‖⁴ → ησ²/(λ(2 − ηλ))          ‖g‖ → √(λ(2 − ηλ)/η)·‖x‖ ≈ √(2λ/η)·‖x‖          angle → √(2ηλ)
//! ```
//!
//! The way there takes `O(1/(ηλ))` steps. It holds for every group of parameters to which alone the loss is invariant,
//! so in equilibrium all of them turn by the same angle a step.

/// `‖x‖` at which decay and gradient are in balance, from `σ² = ‖g‖²·‖x‖²`; `λ` above 0 and `ηλ` below 2.
///
/// ```
/// // One step from the equilibrium norm leads back to it.
/// let (lr, weight_decay, sigma) = (0.2, 0.05, 3.0_f64);
/// let norm = sisgd::equilibrium::norm(sigma * sigma, lr, weight_decay);
/// let (kept, added) = ((1. - lr * weight_decay) * norm, lr * sigma / norm);
/// assert!((kept.hypot(added) - norm).abs() < 1e-12);
/// ```
pub fn norm(sigma_squared: f64, lr: f64, weight_decay: f64) -> f64 {
    (lr * sigma_squared / (weight_decay * (2. - lr * weight_decay))).powf(0.25)
}

/// `√(2ηλ)`, by how much a step turns the parameters in equilibrium, in radians; of the intrinsic rate `ηλ`.
///
/// ```
/// assert_eq!(sisgd::equilibrium::angle(0.02), 0.2);
/// ```
pub fn angle(intrinsic_lr: f64) -> f64 {
    (2. * intrinsic_lr).sqrt()
}
