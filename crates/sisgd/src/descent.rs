//! The step of gradient descent, with momentum or without, on the host's numbers or the device's.

use crate::clip::Threshold;
use crate::gradients::{Checked, total};
use crate::guard::Guarded;
use crate::ops::dots::{Dots, dots};
use crate::ops::group::Group;
use crate::ops::heavy_ball::heavy_ball_all;
use crate::ops::scaled_add::{scaled_add, scaled_add_all};
use crate::ops::verdict::Judged;
use crate::refusal::Refusal;
use crate::{CheckedStep, Deferred, Gradient, StepReport};
use candle_core::{Result, Var, bail};

/// `x ← (1 − ηλ)·x − η·min(1, threshold/‖g‖)·g`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Descent {
    pub lr: f64,
    pub weight_decay: f64,
    pub threshold: Threshold,
    /// Whether the loss is scale invariant, which no gradient at `x = 0` is.
    pub scale_invariant: bool,
}

impl Descent {
    /// The step with every check before the first change.
    pub fn check<'a>(
        self,
        gradients: Vec<Checked<'a>>,
        steps: &'a mut u64,
    ) -> Result<CheckedStep<'a, StepReport>> {
        let dots = total(&gradients);
        if self.scale_invariant && dots.xx == 0. {
            bail!("{}", Refusal::Zero);
        }
        let report = self.report(dots);
        report.refuse_overflow(&gradients)?;
        Ok(CheckedStep::new(move || {
            for checked in &gradients {
                scaled_add(checked.var, checked.gradient(), self.decay(), self.lr * report.clip_factor)?;
            }
            *steps += 1;
            Ok(Deferred::ready(report))
        }))
    }

    /// The same, enqueued.
    pub fn check_on_device<'a>(
        self,
        group: Group,
        guarded: &'a Guarded,
        steps: &'a mut u64,
    ) -> Result<CheckedStep<'a, StepReport>> {
        let judged = Judged { group: &group, guarded, step: *steps + 1 };
        let verdict = judged.descent(self.lr, 1. - self.decay(), self.threshold, self.scale_invariant)?;
        Ok(CheckedStep::new(move || {
            scaled_add_all(&group, &verdict, self.decay(), self.lr)?;
            *steps += 1;
            Ok(verdict.report(guarded, move |sums| self.report(Dots::of_sums(sums))))
        }))
    }

    fn decay(&self) -> f64 {
        self.lr * self.weight_decay
    }

    fn report(&self, dots: Dots) -> StepReport {
        StepReport::new(dots, self.lr, self.weight_decay, self.threshold.at(dots.xx.sqrt()))
    }
}

/// `v ← μ·v + min(1, threshold/‖g‖)·g`, then `x ← (1 − ηλ)·x − η·v`; the angle is that of the step along `v`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeavyBall {
    pub descent: Descent,
    /// `μ`.
    pub momentum: f64,
}

impl HeavyBall {
    /// The step; what concerns the gradient is checked before the first change.
    pub fn check<'a>(
        self,
        gradients: Vec<Checked<'a>>,
        velocity: &'a mut [Var],
        steps: &'a mut u64,
    ) -> Result<CheckedStep<'a, StepReport>> {
        let Self { descent, momentum } = self;
        let along_gradient = descent.report(total(&gradients));
        along_gradient.refuse_overflow(&gradients)?;
        Ok(CheckedStep::new(move || {
            let mut step = Dots::default();
            for (checked, v) in gradients.iter().zip(velocity.iter()) {
                scaled_add(v, checked.gradient(), 1. - momentum, -along_gradient.clip_factor)?;
                step = step.plus(dots(checked.var, Gradient::Dense(v))?);
            }
            let along_velocity = self.along_velocity(step);
            along_velocity.refuse_overflow(&gradients)?;
            for (checked, v) in gradients.iter().zip(velocity.iter()) {
                scaled_add(checked.var, Gradient::Dense(v), descent.decay(), descent.lr)?;
            }
            *steps += 1;
            Ok(Deferred::ready(along_gradient.moving_along(along_velocity)))
        }))
    }

    /// The same, enqueued; the step along the new velocity is judged before there is one.
    pub fn check_on_device<'a>(
        self,
        group: Group,
        guarded: &'a Guarded,
        steps: &'a mut u64,
    ) -> Result<CheckedStep<'a, StepReport>> {
        let Self { descent, momentum } = self;
        let judged = Judged { group: &group, guarded, step: *steps + 1 };
        let verdict = judged.heavy_ball(descent.lr, 1. - descent.decay(), momentum, descent.threshold)?;
        Ok(CheckedStep::new(move || {
            heavy_ball_all(&group, &verdict, momentum, descent.decay(), descent.lr)?;
            *steps += 1;
            Ok(verdict.report(guarded, move |sums| {
                let (along_gradient, velocity) = (descent.report(Dots::of_sums(sums)), &sums[3..]);
                let next = self.next_velocity(Dots::of_sums(sums), velocity, along_gradient.clip_factor);
                along_gradient.moving_along(self.along_velocity(next))
            }))
        }))
    }

    /// The products of `x` and `v' = μ·v + c·g` from `⟨x, v⟩`, `⟨g, v⟩` and `‖v‖²`.
    fn next_velocity(&self, Dots { xx, xg, gg }: Dots, velocity: &[f64], c: f64) -> Dots {
        let (xv, gv, vv) = (velocity[0], velocity[1], velocity[2]);
        let mu = self.momentum;
        let squared = mu * mu * vv + 2. * mu * c * gv + c * c * gg;
        Dots { xx, xg: mu * xv + c * xg, gg: squared.max(0.) }
    }

    fn along_velocity(&self, step: Dots) -> StepReport {
        StepReport::new(step, self.descent.lr, self.descent.weight_decay, None)
    }
}
