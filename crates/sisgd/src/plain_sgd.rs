//! Plain SGD with decoupled weight decay and a constant clipping threshold: the baseline.

use crate::gradients::collect;
use crate::report::descent;
use crate::state::{load_step, step_entry};
use crate::{CheckedStep, Gradients, NamedVars, Optimizer, StepReport, require, vars};
use candle_core::{Result, Tensor, Var};
use std::collections::HashMap;

/// The hyper-parameters of [`Sgd`].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PlainSgdConfig {
    /// `λ`, decoupled from the gradient.
    pub weight_decay: f64,
    /// `G`, the longest gradient that is not clipped; `None` is no clipping.
    pub max_grad_norm: Option<f64>,
}

impl PlainSgdConfig {
    /// Refuses values for which the step means nothing.
    ///
    /// # Errors
    /// A weight decay that is negative, a threshold that is not positive, either of them not finite.
    pub fn validate(&self) -> Result<()> {
        require::non_negative("weight_decay", self.weight_decay)?;
        self.max_grad_norm.map_or(Ok(()), |norm| require::positive("max_grad_norm", norm))
    }
}

/// SGD without momentum, over any parameters.
#[derive(Debug)]
pub struct Sgd {
    vars: NamedVars,
    config: PlainSgdConfig,
    steps: u64,
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
        Ok(Self { vars, config, steps: 0 })
    }

    /// One step with learning rate `η`, the gradient clipped by its global norm (Pascanu et al. 2013):
    ///
    /// ```text
    /// x ← (1 − ηλ)·x − η·min(1, G/‖g‖)·g
    /// ```
    ///
    /// # Errors
    /// If a variable has no gradient or one that is not finite or does not fit, naming it; if `η` is not positive or
    /// `ηλ ≥ 1`. No parameter has changed then.
    pub fn step(&mut self, grads: &dyn Gradients, lr: f64) -> Result<StepReport> {
        self.check(grads, lr)?.apply()
    }

    /// The hyper-parameters.
    pub fn config(&self) -> PlainSgdConfig {
        self.config
    }
}

impl Optimizer for Sgd {
    type Report = StepReport;

    fn vars(&self) -> &[(String, Var)] {
        &self.vars
    }

    fn steps(&self) -> u64 {
        self.steps
    }

    fn check<'a>(&'a mut self, grads: &'a dyn Gradients, lr: f64) -> Result<CheckedStep<'a, StepReport>> {
        let PlainSgdConfig { weight_decay, max_grad_norm } = self.config;
        require::learning_rate(lr, weight_decay)?;
        let gradients = collect(&self.vars, grads)?;
        descent(gradients, &mut self.steps, lr, weight_decay, max_grad_norm)
    }

    fn state(&self) -> Result<Vec<(String, Tensor)>> {
        Ok(vec![step_entry(self.steps)?])
    }

    fn load_state(&mut self, state: &HashMap<String, Tensor>) -> Result<()> {
        self.steps = load_step(state, &[])?;
        Ok(())
    }
}
