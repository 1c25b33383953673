//! Plain SGD with decoupled weight decay, a constant clipping threshold, and momentum if asked for: the baseline.

use crate::clip::Threshold;
use crate::descent::{Descent, HeavyBall};
use crate::gradients::{collect, fit};
use crate::guard::Guarded;
use crate::ops::group::{Group, Traits, has_kernels};
use crate::state::Velocity;
use crate::{CheckedStep, GradientSource, Guard, NamedVars, Optimizer, Report, StepReport, require, vars};
use candle_core::{Result, Tensor, Var};
use std::collections::HashMap;

/// The hyper-parameters of [`Sgd`].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PlainSgdConfig {
    /// `λ`, decoupled from the gradient.
    pub weight_decay: f64,
    /// `G`, the longest gradient that is not clipped; `None` is no clipping.
    pub max_grad_norm: Option<f64>,
    /// `μ` in [0, 1), how much of the last step's direction is kept; 0 is no momentum, and no state.
    pub momentum: f64,
}

impl PlainSgdConfig {
    /// Refuses values for which the step means nothing.
    ///
    /// # Errors
    /// A weight decay that is negative, a threshold that is not positive, either of them not finite, a momentum outside
    /// [0, 1).
    pub fn validate(&self) -> Result<()> {
        require::non_negative("weight_decay", self.weight_decay)?;
        require::fraction("momentum", self.momentum)?;
        self.max_grad_norm.map_or(Ok(()), |norm| require::positive("max_grad_norm", norm))
    }
}

/// SGD over any parameters.
#[derive(Debug)]
pub struct Sgd {
    vars: NamedVars,
    config: PlainSgdConfig,
    velocity: Velocity,
    guarded: Guarded,
}

impl Sgd {
    /// An optimizer of `vars`.
    ///
    /// # Errors
    /// If the configuration is not [valid](PlainSgdConfig::validate); if the list is empty, has a name or a variable
    /// twice, or holds one that is neither f32 nor f64.
    pub fn new(vars: NamedVars, config: PlainSgdConfig) -> Result<Self> {
        config.validate()?;
        vars::validate(&vars)?;
        let velocity = Velocity::new(&vars, config.momentum > 0.)?;
        let guarded = Guarded::new(&Guard::new(), &vars);
        Ok(Self { vars, config, velocity, guarded })
    }

    /// One step with learning rate `η`, the gradient clipped by its global norm (Pascanu et al. 2013):
    ///
    /// ```text
    /// v ← μ·v + min(1, G/‖g‖)·g            v = g, clipped, without momentum
    /// x ← (1 − ηλ)·x − η·v
    /// ```
    ///
    /// # Errors
    /// If a variable has no gradient or one that is not finite or does not fit, naming it; if `η` is not positive or
    /// `ηλ ≥ 1`. No parameter has changed then.
    pub fn step(&mut self, grads: &dyn GradientSource, lr: f64) -> Result<StepReport> {
        self.check(grads, lr)?.apply()
    }

    /// The step with every check before the first change; see [`Optimizer::check`].
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn check<'a>(
        &'a mut self,
        grads: &'a dyn GradientSource,
        lr: f64,
    ) -> Result<CheckedStep<'a, StepReport>> {
        let PlainSgdConfig { weight_decay, max_grad_norm, momentum } = self.config;
        require::learning_rate(lr, weight_decay)?;
        let threshold = Threshold::constant(max_grad_norm);
        let descent = Descent { lr, weight_decay, threshold, scale_invariant: false };
        let heavy_ball = HeavyBall { descent, momentum };
        let Velocity { steps, vars: velocity } = &mut self.velocity;
        if has_kernels(&self.vars) {
            let states: Vec<_> = velocity.iter().flatten().map(|v| v.as_tensor().clone()).collect();
            let group = Group::new(&fit(&self.vars, grads)?, &states, |_| Traits::default())?;
            return match velocity {
                None => descent.check_on_device(group, &self.guarded, steps),
                Some(_) => heavy_ball.check_on_device(group, &self.guarded, steps),
            };
        }
        let gradients = collect(&self.vars, grads)?;
        match velocity {
            None => descent.check(gradients, steps),
            Some(velocity) => heavy_ball.check(gradients, velocity, steps),
        }
    }

    /// The hyper-parameters.
    pub fn config(&self) -> PlainSgdConfig {
        self.config
    }
}

impl Optimizer for Sgd {
    fn vars(&self) -> &[(String, Var)] {
        &self.vars
    }

    fn steps(&self) -> u64 {
        self.velocity.steps
    }

    fn check<'a>(&'a mut self, grads: &'a dyn GradientSource, lr: f64) -> Result<CheckedStep<'a>> {
        Ok(Sgd::check(self, grads, lr)?.map(Report::from))
    }

    fn share_guard(&mut self, guard: &Guard) {
        self.guarded = Guarded::new(guard, &self.vars);
    }

    fn state(&self) -> Result<Vec<(String, Tensor)>> {
        self.velocity.save(&self.vars)
    }

    fn load_state(&mut self, state: &HashMap<String, Tensor>) -> Result<()> {
        self.velocity.load(&self.vars, state)
    }
}
