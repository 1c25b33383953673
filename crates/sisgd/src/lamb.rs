//! LAMB (You et al. 2020), with the switches in which published implementations differ.
//!
//! | | default here | apex | timm | optax |
//! |---|---|---|---|---|
//! | [`bias_correction`](LambConfig::bias_correction) | on | on | on | always on |
//! | [`eps`](LambConfig::eps), [`eps_root`](LambConfig::eps_root) | 1e-6, 0 | 1e-6, 0 | 1e-6, 0 | 1e-6, 0 |
//! | [`max_grad_norm`](LambConfig::max_grad_norm) | none | 1 | 1 | none |
//! | [`decay`](LambConfig::decay) | in the update | same, or L2 | same, or decoupled | in the update |
//! | [`decay_vectors`](LambConfig::decay_vectors) | no | by group | by group | by mask |
//! | [`adapt`](LambConfig::adapt) | matrices | decayed, or all | decayed, or all | all |
//! | [`trust_clip`](LambConfig::trust_clip) | off | – | off | – |
//! | [`grad_averaging`](LambConfig::grad_averaging) | on | on | on | on |

use crate::adaptive::check_on_device;
use crate::gradients::{Checked, collect, fit};
use crate::guard::Guarded;
use crate::ops::adam::{Adam, AdamStep};
use crate::ops::group::{Group, Traits, has_kernels};
use crate::state::Moments;
use crate::{
    CheckedStep, Deferred, GradientSource, Guard, NamedVars, Optimizer, Report, UpdateReport, require, vars,
};
use candle_core::{Result, Tensor, Var};
use std::collections::HashMap;

/// Where weight decay enters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Decay {
    /// `λ·x` is part of the update, before the trust ratio: the paper, apex's default, optax.
    #[default]
    InUpdate,
    /// `x ← (1 − ηλ)·x` beside the update, outside the trust ratio: timm's `decoupled_decay`.
    Decoupled,
    /// `λ·x` is part of the gradient and goes through the moments: apex without `adam_w_mode`.
    L2,
}

/// Which variables get a trust ratio; the others are updated as by Adam.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Adapt {
    /// Those of at least two dimensions: not biases and layer norms.
    #[default]
    Matrices,
    /// Those that are decayed: apex without `use_nvlamb`, timm without `always_adapt`. None if `λ = 0`.
    Decayed,
    /// All: apex's `use_nvlamb`, timm's `always_adapt`, optax.
    All,
}

/// The hyper-parameters of [`Lamb`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LambConfig {
    /// `β1`, `β2`, the decay rates of the moments.
    pub betas: (f64, f64),
    /// `ε`, added outside the root.
    pub eps: f64,
    /// `ε_root`, added inside the root.
    pub eps_root: f64,
    /// `λ`.
    pub weight_decay: f64,
    /// Where weight decay enters.
    pub decay: Decay,
    /// Whether variables of one dimension (biases, layer norms) are decayed too.
    pub decay_vectors: bool,
    /// Which variables get a trust ratio.
    pub adapt: Adapt,
    /// Whether a trust ratio is at most 1 (LAMBC).
    pub trust_clip: bool,
    /// Whether the moments are divided by `1 − βᵗ`.
    pub bias_correction: bool,
    /// Whether the gradient weighs `1 − β1` in the first moment, or 1.
    pub grad_averaging: bool,
    /// The longest gradient of the whole group that is not clipped; `None` is no clipping.
    pub max_grad_norm: Option<f64>,
}

impl Default for LambConfig {
    fn default() -> Self {
        Self {
            betas: (0.9, 0.999),
            eps: 1e-6,
            eps_root: 0.,
            weight_decay: 0.01,
            decay: Decay::InUpdate,
            decay_vectors: false,
            adapt: Adapt::Matrices,
            trust_clip: false,
            bias_correction: true,
            grad_averaging: true,
            max_grad_norm: None,
        }
    }
}

impl LambConfig {
    /// Refuses values for which the step means nothing.
    ///
    /// # Errors
    /// A beta outside [0, 1), an eps or threshold that is not positive, a negative decay, anything not finite.
    pub fn validate(&self) -> Result<()> {
        require::fraction("beta1", self.betas.0)?;
        require::fraction("beta2", self.betas.1)?;
        require::positive("eps", self.eps)?;
        require::non_negative("eps_root", self.eps_root)?;
        require::non_negative("weight_decay", self.weight_decay)?;
        self.max_grad_norm.map_or(Ok(()), |norm| require::positive("max_grad_norm", norm))
    }

    /// `λ` for one variable.
    fn weight_decay_of(&self, var: &Var) -> f64 {
        if self.decay_vectors || var.rank() > 1 { self.weight_decay } else { 0. }
    }

    fn adapts(&self, var: &Var) -> bool {
        match self.adapt {
            Adapt::Matrices => var.rank() > 1,
            Adapt::Decayed => self.weight_decay_of(var) > 0.,
            Adapt::All => true,
        }
    }

    /// The arithmetic of a step, counted from 1, and the decay beside it, `λ` being a variable's.
    fn adam(&self, step: u64, clip_factor: f64, weight_decay: f64) -> (Adam, f64) {
        let (in_update, decoupled, l2) = match self.decay {
            Decay::InUpdate => (weight_decay, 0., 0.),
            Decay::Decoupled => (0., weight_decay, 0.),
            Decay::L2 => (0., 0., weight_decay),
        };
        let mut adam = Adam {
            eps_root: self.eps_root,
            decay: in_update,
            l2,
            ..Adam::new(self.betas, self.bias_correction, self.eps, step, clip_factor)
        };
        if !self.grad_averaging {
            adam.weight = 1.;
        }
        (adam, decoupled)
    }

    /// `‖(1 − ηλ)·x‖/‖u‖`, the factor being 1 unless the decay is decoupled, which comes first as in timm.
    fn trust_ratio(&self, xx: f64, uu: f64, shrink: f64) -> f64 {
        let ratio = if xx > 0. && uu > 0. { (1. - shrink) * (xx / uu).sqrt() } else { 1. };
        if self.trust_clip { ratio.min(1.) } else { ratio }
    }
}

/// LAMB: Adam's direction, its length set by the length of each variable.
#[derive(Debug)]
pub struct Lamb {
    vars: NamedVars,
    config: LambConfig,
    moments: Moments,
    guarded: Guarded,
}

impl Lamb {
    /// An optimizer of `vars`.
    ///
    /// # Errors
    /// If the configuration is not [valid](LambConfig::validate); if the list is empty, has a name or a variable twice, or
    /// holds one that is neither f32 nor f64.
    pub fn new(vars: NamedVars, config: LambConfig) -> Result<Self> {
        config.validate()?;
        vars::validate(&vars)?;
        let moments = Moments::new(&vars)?;
        let guarded = Guarded::new(&Guard::new(), &vars);
        Ok(Self { vars, config, moments, guarded })
    }

    /// One step with learning rate `η` (You et al. 2020, Algorithm 2), shown with the default switches:
    ///
    /// ```text
    /// m ← β1·m + (1 − β1)·g            m̂ = m/(1 − β1ᵗ)
    /// v ← β2·v + (1 − β2)·g²           v̂ = v/(1 − β2ᵗ)
    /// u = m̂/(√v̂ + ε) + λ·x             λ = 0 for biases and layer norms
    /// x ← x − η·r·u                    r = ‖x‖/‖u‖; 1 if either is 0, and for biases and layer norms
    /// ```
    ///
    /// # Errors
    /// If a variable has no gradient or one that is not finite or does not fit, naming it; if `η` is not positive, or
    /// `ηλ ≥ 1` with decoupled decay. Neither parameters nor moments have changed then.
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
        let decoupled = if config.decay == Decay::Decoupled { config.weight_decay } else { 0. };
        require::learning_rate(lr, decoupled)?;
        let Moments { steps, tensors } = &mut self.moments;
        if has_kernels(&self.vars) {
            let traits =
                |var: &Var| Traits { decays: config.weight_decay_of(var) > 0., adapts: config.adapts(var) };
            let group = Group::new(&fit(&self.vars, grads)?, tensors, traits)?;
            let rule = |step| {
                let (adam, decoupled) = config.adam(step, 1., config.weight_decay);
                AdamStep { adam, shrink: lr * decoupled, lr, trust_clip: config.trust_clip }
            };
            return check_on_device(group, &self.guarded, steps, config.max_grad_norm, rule);
        }
        let gradients = collect(&self.vars, grads)?;
        let report = UpdateReport::new(&gradients, config.max_grad_norm)?;
        Ok(CheckedStep::new(move || {
            *steps += 1;
            for (checked, moments) in gradients.iter().zip(tensors) {
                update(&config, checked, moments, *steps, report.clip_factor, lr)?;
            }
            Ok(Deferred::ready(report))
        }))
    }

    /// The hyper-parameters.
    pub fn config(&self) -> LambConfig {
        self.config
    }
}

impl Optimizer for Lamb {
    fn vars(&self) -> &[(String, Var)] {
        &self.vars
    }

    fn steps(&self) -> u64 {
        self.moments.steps
    }

    fn check<'a>(&'a mut self, grads: &'a dyn GradientSource, lr: f64) -> Result<CheckedStep<'a>> {
        Ok(Lamb::check(self, grads, lr)?.map(Report::from))
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

/// The update of one variable, in one pass over memory if it has no trust ratio, else in two.
fn update(
    config: &LambConfig,
    checked: &Checked,
    moments: &Tensor,
    step: u64,
    clip_factor: f64,
    lr: f64,
) -> Result<()> {
    let (var, grad) = (checked.var, checked.whole()?);
    let (adam, decoupled) = config.adam(step, clip_factor, config.weight_decay_of(var));
    let shrink = lr * decoupled;
    if !config.adapts(var) {
        return adam.step(var, moments, &grad, shrink, lr);
    }
    let squared_update = adam.accumulate(var, moments, &grad)?;
    let ratio = config.trust_ratio(checked.dots.xx, squared_update, shrink);
    adam.descend(var, moments, shrink, lr * ratio)
}
