//! What a step says about itself, and the step of gradient descent that says it.

use crate::clip::clip_factor;
use crate::gradients::{Checked, total};
use crate::ops::dots::{Dots, dots};
use crate::ops::scaled_add::scaled_add;
use crate::{CheckedStep, Gradient};
use candle_core::{DType, Result, Var, bail};
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
    /// What the gradient was multiplied by, `min(1, threshold/‖g‖)`.
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

/// A step of [`Lamb`](crate::Lamb) or [`AdamW`](crate::AdamW).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct UpdateReport {
    /// The global norm of the gradient, before clipping.
    pub grad_norm: f64,
    /// The global norm of the parameters, before the step.
    pub param_norm: f64,
    /// What the gradient was multiplied by.
    pub clip_factor: f64,
    /// Whether the gradient was longer than `max_grad_norm`.
    pub clipped: bool,
}

/// `x ← (1 − ηλ)·x − η·min(1, threshold/‖g‖)·g`, with every check before the first change.
pub(crate) fn descent<'a>(
    gradients: Vec<Checked<'a>>,
    steps: &'a mut u64,
    lr: f64,
    weight_decay: f64,
    threshold: Option<f64>,
) -> Result<CheckedStep<'a, StepReport>> {
    let report = StepReport::new(total(&gradients), lr, weight_decay, threshold);
    report.refuse_overflow(&gradients)?;
    Ok(CheckedStep::new(move || {
        for checked in &gradients {
            scaled_add(checked.var, checked.gradient(), lr * weight_decay, lr * report.clip_factor)?;
        }
        *steps += 1;
        Ok(report)
    }))
}

/// `v ← μ·v + min(1, threshold/‖g‖)·g`, then `x ← (1 − ηλ)·x − η·v`; the angle is that of the step along `v`.
pub(crate) fn heavy_ball<'a>(
    gradients: Vec<Checked<'a>>,
    velocity: &'a mut [Var],
    steps: &'a mut u64,
    momentum: f64,
    lr: f64,
    weight_decay: f64,
    threshold: Option<f64>,
) -> Result<CheckedStep<'a, StepReport>> {
    let along_gradient = StepReport::new(total(&gradients), lr, weight_decay, threshold);
    along_gradient.refuse_overflow(&gradients)?;
    Ok(CheckedStep::new(move || {
        let mut step = Dots::default();
        for (checked, v) in gradients.iter().zip(velocity.iter()) {
            scaled_add(v, checked.gradient(), 1. - momentum, -along_gradient.clip_factor)?;
            step = step.plus(dots(checked.var, Gradient::Dense(v))?);
        }
        let along_velocity = StepReport::new(step, lr, weight_decay, None);
        along_velocity.refuse_overflow(&gradients)?;
        for (checked, v) in gradients.iter().zip(velocity.iter()) {
            scaled_add(checked.var, Gradient::Dense(v), lr * weight_decay, lr)?;
        }
        *steps += 1;
        let StepReport { new_param_norm, angle, .. } = along_velocity;
        Ok(StepReport { new_param_norm, angle, ..along_gradient })
    }))
}

impl StepReport {
    fn new(dots: Dots, lr: f64, weight_decay: f64, threshold: Option<f64>) -> Self {
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

    fn refuse_overflow(&self, gradients: &[Checked]) -> Result<()> {
        let narrow = gradients.iter().any(|gradient| gradient.var.dtype() == DType::F32);
        let largest = if narrow { f32::MAX as f64 } else { f64::MAX };
        if self.new_param_norm.is_nan() || self.new_param_norm > largest {
            let Self { grad_norm, new_param_norm, .. } = self;
            bail!(
                "a step along a gradient of norm {grad_norm:e} overflows the parameters: norm {new_param_norm:e}"
            );
        }
        Ok(())
    }
}

impl UpdateReport {
    /// The norms of a group, refused if the squared gradients cannot be stored.
    pub(crate) fn new(gradients: &[Checked], max_grad_norm: Option<f64>) -> Result<Self> {
        let total = total(gradients);
        let (grad_norm, param_norm) = (total.gg.sqrt(), total.xx.sqrt());
        let clip_factor = clip_factor(grad_norm, max_grad_norm);
        for Checked { name, var, dots, .. } in gradients {
            let norm = dots.gg.sqrt() * clip_factor;
            if var.dtype() == DType::F32 && norm * norm > f32::MAX as f64 {
                bail!("the gradient of `{name}` has norm {norm:e}: its square overflows the second moment");
            }
        }
        Ok(Self { grad_norm, param_norm, clip_factor, clipped: clip_factor < 1. })
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
