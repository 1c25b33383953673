//! Reports of steps.

use crate::clip::clip_factor;
use crate::gradients::{Checked, total};
use crate::ops::dots::Dots;
use crate::ops::orthogonal::Moved;
use crate::refusal::Refusal;
use candle_core::{DType, Result, bail};
use serde::Serialize;

/// A step of [`SiSgd`](crate::SiSgd) or [`Sgd`](crate::Sgd) in the quantities of the theory.
///
/// `x` and `g` are the parameters before the step and their gradient, each as one vector over the whole group.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StepReport {
    /// `‖g‖`, before clipping.
    pub grad_norm: f64,
    /// `‖x(t)‖`, before the step.
    pub param_norm: f64,
    /// `‖x(t+1)‖`, after the step, up to the rounding of the stored parameters.
    pub new_param_norm: f64,
    /// The gradient norm above which this step clips; `None` without clipping.
    pub threshold: Option<f64>,
    /// The factor of the gradient, `min(1, threshold/‖g‖)`.
    pub clip_factor: f64,
    /// Whether the gradient was longer than the threshold.
    pub clipped: bool,
    /// `η/‖x(t)‖²`, the learning rate that matters to a scale-invariant loss.
    pub effective_lr: f64,
    /// The angle between `x(t)` and `x(t+1)` in radians; about `√(2ηλ)` in equilibrium.
    pub angle: f64,
    /// `⟨g, x⟩/(‖g‖‖x‖)`: zero, up to rounding, if and only if the loss is scale invariant here (Euler).
    pub euler: f64,
}

/// A step of [`Spectral`](crate::Spectral), whose blocks turn by angles of their own; all of them as one vector.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RotationReport {
    /// `‖g‖`.
    pub grad_norm: f64,
    /// `‖x(t)‖`, before the step.
    pub param_norm: f64,
    /// `‖x(t+1)‖`, after the step.
    pub new_param_norm: f64,
    /// The angle between `x(t)` and `x(t+1)` in radians.
    pub angle: f64,
    /// `⟨g, x⟩/(‖g‖‖x‖)`: zero, up to rounding, if and only if the loss is scale invariant here (Euler).
    pub euler: f64,
}

/// A step of [`Lamb`](crate::Lamb) or [`AdamW`](crate::AdamW).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct UpdateReport {
    /// The global norm of the gradient, before clipping.
    pub grad_norm: f64,
    /// The global norm of the parameters, before the step.
    pub param_norm: f64,
    /// The factor of the gradient.
    pub clip_factor: f64,
    /// Whether the gradient was longer than `max_grad_norm`.
    pub clipped: bool,
}

/// A step of any rule.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Report {
    /// Gradient descent's.
    Step(StepReport),
    /// Spectral descent's.
    Rotation(RotationReport),
    /// Any other's.
    Update(UpdateReport),
}

impl Report {
    /// The norm of the gradient, before clipping.
    pub fn grad_norm(&self) -> f64 {
        match self {
            Self::Step(report) => report.grad_norm,
            Self::Rotation(report) => report.grad_norm,
            Self::Update(report) => report.grad_norm,
        }
    }

    /// The norm of the parameters, before the step.
    pub fn param_norm(&self) -> f64 {
        match self {
            Self::Step(report) => report.param_norm,
            Self::Rotation(report) => report.param_norm,
            Self::Update(report) => report.param_norm,
        }
    }
}

impl From<StepReport> for Report {
    fn from(report: StepReport) -> Self {
        Self::Step(report)
    }
}

impl From<RotationReport> for Report {
    fn from(report: RotationReport) -> Self {
        Self::Rotation(report)
    }
}

impl From<UpdateReport> for Report {
    fn from(report: UpdateReport) -> Self {
        Self::Update(report)
    }
}

impl StepReport {
    pub(crate) fn new(dots: Dots, lr: f64, weight_decay: f64, threshold: Option<f64>) -> Self {
        let Dots { xx, xg, gg } = dots;
        let (param_norm, grad_norm) = (xx.sqrt(), gg.sqrt());
        let clip_factor = clip_factor(grad_norm, threshold);
        let (keep, rate) = (1. - lr * weight_decay, lr * clip_factor);
        // The step's parts along x and across it. No arc cosine: it loses half the digits of a small angle.
        let (along_grad, across_grad) = if xx > 0. {
            let along = xg / param_norm;
            (along, (gg - along * along).max(0.).sqrt())
        } else {
            (grad_norm, 0.)
        };
        let (along, across) = (keep * param_norm - rate * along_grad, rate * across_grad);
        Self {
            grad_norm,
            param_norm,
            new_param_norm: along.hypot(across),
            threshold,
            clip_factor,
            clipped: clip_factor < 1.,
            effective_lr: lr / xx,
            angle: across.atan2(along),
            euler: if xx > 0. && gg > 0. { along_grad / grad_norm } else { 0. },
        }
    }

    /// The report of a step whose parameters move along another direction than the gradient.
    pub(crate) fn moving_along(self, Self { new_param_norm, angle, .. }: Self) -> Self {
        Self { new_param_norm, angle, ..self }
    }

    pub(crate) fn refuse_overflow(&self, gradients: &[Checked]) -> Result<()> {
        let narrow = gradients.iter().any(|gradient| gradient.var.dtype() == DType::F32);
        let largest = if narrow { f32::MAX as f64 } else { f64::MAX };
        if self.new_param_norm.is_nan() || self.new_param_norm > largest {
            let Self { grad_norm, new_param_norm, .. } = *self;
            bail!("{}", Refusal::Step { grad_norm, new_param_norm });
        }
        Ok(())
    }
}

impl RotationReport {
    /// From the products of parameters and gradient, and what the step did.
    pub(crate) fn new(Dots { xx, xg, gg }: Dots, Moved { squared, along }: Moved) -> Self {
        let across = (xx * squared - along * along).max(0.).sqrt();
        Self {
            grad_norm: gg.sqrt(),
            param_norm: xx.sqrt(),
            new_param_norm: squared.sqrt(),
            angle: across.atan2(along),
            euler: if xx > 0. && gg > 0. { xg / xx.sqrt() / gg.sqrt() } else { 0. },
        }
    }
}

impl UpdateReport {
    /// The norms of a group, refused if the squared gradients cannot be stored.
    pub(crate) fn new(gradients: &[Checked], max_grad_norm: Option<f64>) -> Result<Self> {
        let report = Self::of(total(gradients), max_grad_norm);
        for Checked { name, var, dots, .. } in gradients {
            let norm = dots.gg.sqrt() * report.clip_factor;
            if var.dtype() == DType::F32 && norm * norm > f32::MAX as f64 {
                bail!("{}", Refusal::Square { name, norm });
            }
        }
        Ok(report)
    }

    /// The norms that follow from a group's products.
    pub(crate) fn of(Dots { xx, gg, .. }: Dots, max_grad_norm: Option<f64>) -> Self {
        let (grad_norm, param_norm) = (gg.sqrt(), xx.sqrt());
        let clip_factor = clip_factor(grad_norm, max_grad_norm);
        Self { grad_norm, param_norm, clip_factor, clipped: clip_factor < 1. }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The dot products for `‖x‖`, `‖g‖` and the angle between them.
    fn at_angle(x: f64, g: f64, angle: f64) -> Dots {
        Dots { xx: x * x, xg: x * g * angle.cos(), gg: g * g }
    }

    #[test]
    fn angles_are_exact_however_small() {
        for (lr, g) in [(1e-3, 1e-9), (1., 1.), (0.5, 1e4), (1e-8, 1e-8)] {
            let dots = Dots { xx: 4., xg: 0., gg: g * g };
            let report = StepReport::new(dots, lr, 0., None);
            let expected = (lr * g / 2.).atan();
            assert!((report.angle / expected - 1.).abs() < 1e-14, "{} is not {expected}", report.angle);
        }
    }

    #[test]
    fn norm_and_angle_follow_the_law_of_cosines_for_any_gradient() {
        for angle in [0.1, 1., 1.5, 2., 3.] {
            let report = StepReport::new(at_angle(2., 3., angle), 0.5, 0.2, None);
            let (x, step) = (2. * 0.9, 0.5 * 3.);
            let norm = (x * x + step * step - 2. * x * step * angle.cos()).sqrt();
            assert!((report.new_param_norm - norm).abs() < 1e-12);
            assert!((report.angle - ((x - step * angle.cos()) / norm).acos()).abs() < 1e-7);
            assert!((report.euler - angle.cos()).abs() < 1e-12);
        }
    }

    #[test]
    fn zero_vectors_divide_nothing() {
        let still = StepReport::new(Dots { xx: 9., xg: 0., gg: 0. }, 0.1, 0.5, Some(6.));
        assert_eq!((still.clip_factor, still.angle, still.euler, still.clipped), (1., 0., 0., false));
        assert!((still.new_param_norm - 3. * 0.95).abs() < 1e-15);
        let origin = StepReport::new(Dots { xx: 0., xg: 0., gg: 4. }, 0.1, 0.5, None);
        assert!((origin.new_param_norm - 0.2).abs() < 1e-15 && origin.euler == 0.);
    }
}
