//! AdamW (Loshchilov and Hutter 2019), the optimizer of the BERT baseline.

use crate::adaptive::check_on_device;
use crate::gradients::{collect, fit};
use crate::guard::Guarded;
use crate::ops::adam::{Adam, AdamStep};
use crate::ops::group::{Group, Traits, has_kernels};
use crate::state::Moments;
use crate::{
    CheckedStep, Deferred, GradientSource, Guard, NamedVars, Optimizer, Report, UpdateReport, require, vars,
};
use candle_core::{Result, Tensor, Var};
use std::collections::HashMap;

/// The hyper-parameters of [`AdamW`].
///
/// Google's BERT was trained with `bias_correction: false` and `max_grad_norm: Some(1.)`, the rest as by default.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamWConfig {
    /// `β1`, `β2`, the decay rates of the moments.
    pub betas: (f64, f64),
    /// `ε`, added outside the root.
    pub eps: f64,
    /// `λ`, decoupled from the gradient.
    pub weight_decay: f64,
    /// Whether variables of one dimension (biases, layer norms) are decayed too; BERT's are not.
    pub decay_vectors: bool,
    /// Whether the moments are divided by `1 − βᵗ`.
    pub bias_correction: bool,
    /// The longest gradient of the whole group that is not clipped; `None` is no clipping.
    pub max_grad_norm: Option<f64>,
}

impl Default for AdamWConfig {
    fn default() -> Self {
        Self {
            betas: (0.9, 0.999),
            eps: 1e-6,
            weight_decay: 0.01,
            decay_vectors: false,
            bias_correction: true,
            max_grad_norm: None,
        }
    }
}

impl AdamWConfig {
    /// Refuses values for which the step means nothing.
    ///
    /// # Errors
    /// A beta outside [0, 1), an eps or threshold that is not positive, a negative decay, anything not finite.
    pub fn validate(&self) -> Result<()> {
        require::fraction("beta1", self.betas.0)?;
        require::fraction("beta2", self.betas.1)?;
        require::positive("eps", self.eps)?;
        require::non_negative("weight_decay", self.weight_decay)?;
        self.max_grad_norm.map_or(Ok(()), |norm| require::positive("max_grad_norm", norm))
    }

    /// `λ` for one variable.
    fn weight_decay_of(&self, var: &Var) -> f64 {
        if self.decay_vectors || var.rank() > 1 { self.weight_decay } else { 0. }
    }

    /// The arithmetic of a step, counted from 1.
    fn adam(&self, step: u64, clip_factor: f64) -> Adam {
        Adam::new(self.betas, self.bias_correction, self.eps, step, clip_factor)
    }
}

/// Adam with decoupled weight decay.
#[derive(Debug)]
pub struct AdamW {
    vars: NamedVars,
    config: AdamWConfig,
    moments: Moments,
    guarded: Guarded,
}

impl AdamW {
    /// An optimizer of `vars`.
    ///
    /// # Errors
    /// If the configuration is not [valid](AdamWConfig::validate); if the list is empty, has a name or a variable twice,
    /// or holds one that is neither f32 nor f64.
    pub fn new(vars: NamedVars, config: AdamWConfig) -> Result<Self> {
        config.validate()?;
        vars::validate(&vars)?;
        let moments = Moments::new(&vars)?;
        let guarded = Guarded::new(&Guard::new(), &vars);
        Ok(Self { vars, config, moments, guarded })
    }

    /// One step with learning rate `η` (Loshchilov and Hutter 2019, Algorithm 2), after an optional global clip:
    ///
    /// ```text
    /// g ← min(1, G/‖g‖)·g
    /// m ← β1·m + (1 − β1)·g            m̂ = m/(1 − β1ᵗ)
    /// v ← β2·v + (1 − β2)·g²           v̂ = v/(1 − β2ᵗ)
    /// x ← (1 − ηλ)·x − η·m̂/(√v̂ + ε)    λ = 0 for biases and layer norms
    /// ```
    ///
    /// # Errors
    /// If a variable has no gradient or one that is not finite or does not fit, naming it; if `η` is not positive or
    /// `ηλ ≥ 1`. Neither parameters nor moments have changed then.
    pub fn step(&mut self, grads: &dyn GradientSource, lr: f64) -> Result<UpdateReport> {
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
    ) -> Result<CheckedStep<'a, UpdateReport>> {
        let config = self.config;
        require::learning_rate(lr, config.weight_decay)?;
        let Moments { steps, tensors } = &mut self.moments;
        if has_kernels(&self.vars) {
            let traits = |var: &Var| Traits { decays: config.weight_decay_of(var) > 0., adapts: false };
            let group = Group::new(&fit(&self.vars, grads)?, tensors, traits)?;
            let shrink = lr * config.weight_decay;
            let rule = |step| AdamStep { adam: config.adam(step, 1.), shrink, lr, trust_clip: false };
            return check_on_device(group, &self.guarded, steps, config.max_grad_norm, rule);
        }
        let gradients = collect(&self.vars, grads)?;
        let report = UpdateReport::new(&gradients, config.max_grad_norm)?;
        Ok(CheckedStep::new(move || {
            *steps += 1;
            let adam = config.adam(*steps, report.clip_factor);
            for (checked, moments) in gradients.iter().zip(tensors) {
                let shrink = lr * config.weight_decay_of(checked.var);
                adam.step(checked.var, moments, &checked.whole()?, shrink, lr)?;
            }
            Ok(Deferred::ready(report))
        }))
    }

    /// The hyper-parameters.
    pub fn config(&self) -> AdamWConfig {
        self.config
    }
}

impl Optimizer for AdamW {
    fn vars(&self) -> &[(String, Var)] {
        &self.vars
    }

    fn steps(&self) -> u64 {
        self.moments.steps
    }

    fn check<'a>(&'a mut self, grads: &'a dyn GradientSource, lr: f64) -> Result<CheckedStep<'a>> {
        Ok(AdamW::check(self, grads, lr)?.map(Report::from))
    }

    fn share_guard(&mut self, guard: &Guard) {
        self.guarded = Guarded::new(guard, &self.vars);
    }

    fn state(&self) -> Result<Vec<(String, Tensor)>> {
        self.moments.save(&self.vars)
    }

    fn load_state(&mut self, state: &HashMap<String, Tensor>) -> Result<()> {
        self.moments.load(&self.vars, state)
    }
}
