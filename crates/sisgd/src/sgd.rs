//! SGD with weight decay and relative global clipping, the paper's Algorithm 1.

use crate::clip::Threshold;
use crate::descent::Descent;
use crate::gradients::{collect, fit};
use crate::guard::Guarded;
use crate::ops::group::{Group, Traits, has_kernels};
use crate::state::{load_step, step_entry};
use crate::{CheckedStep, GradientSource, Guard, NamedVars, Optimizer, Report, StepReport, require, vars};
use candle_core::{Result, Tensor, Var, bail};
use std::collections::HashMap;

/// The hyper-parameters of [`SiSgd`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SiSgdConfig {
    /// `λ`, decoupled from the gradient; the paper's is 1e-2 at `η = 8e-4`.
    pub weight_decay: f64,
    /// `√C ≥ 1`: how many times the equilibrium norm a gradient may have; `None` is no clipping.
    pub clip: Option<f64>,
}

impl Default for SiSgdConfig {
    fn default() -> Self {
        Self { weight_decay: 1e-2, clip: Some(2.) }
    }
}

impl SiSgdConfig {
    /// Refuses values for which the algorithm means nothing.
    ///
    /// # Errors
    /// A negative or non-finite weight decay; a clip below 1; a clip without weight decay, whose threshold is zero.
    pub fn validate(&self) -> Result<()> {
        let Self { weight_decay, clip } = *self;
        require::non_negative("weight_decay", weight_decay)?;
        let Some(clip) = clip else { return Ok(()) };
        if !(clip.is_finite() && clip >= 1.) {
            bail!("clip {clip} is not a finite number of at least 1; no clipping is `None`");
        }
        if weight_decay == 0. {
            bail!(
                "clip {clip} with weight_decay 0 makes the threshold √C·√(2λ/η)·‖x‖ zero and would erase every \
                 gradient: set weight_decay above 0, or clip to `None`"
            );
        }
        Ok(())
    }
}

/// SGD over a scale-invariant group of parameters, all of them together as one vector.
///
/// The group must be the whole of what the loss is invariant to, and nothing else: a head or a tied decoder in it makes
/// both norms meaningless. [`StepReport::euler`] tells.
///
/// There is no state beside the parameters: [`state`](Optimizer::state) holds the number of steps, for the record.
#[derive(Debug)]
pub struct SiSgd {
    vars: NamedVars,
    config: SiSgdConfig,
    steps: u64,
    guarded: Guarded,
}

impl SiSgd {
    /// An optimizer of `vars`.
    ///
    /// # Errors
    /// If the configuration is not [valid](SiSgdConfig::validate); if the list is empty, has a name or a variable twice, or
    /// holds one that is neither f32 nor f64.
    pub fn new(vars: NamedVars, config: SiSgdConfig) -> Result<Self> {
        config.validate()?;
        vars::validate(&vars)?;
        let guarded = Guarded::new(&Guard::new(), &vars);
        Ok(Self { vars, config, steps: 0, guarded })
    }

    /// One step with learning rate `η` (Li et al. 2022, Algorithm 1):
    ///
    /// ```text
    /// N ← min( √(2Cλ/η)·‖x‖ , ‖g‖ )
    /// x ← (1 − ηλ)·x − η·N·g/‖g‖
    /// ```
    ///
    /// `‖x‖` and `‖g‖` run over the whole group, in f64. A zero gradient only decays.
    ///
    /// # Errors
    /// If a variable has no gradient (the graph between it and the loss is cut) or one that is not finite or does not fit,
    /// naming it; if `η` is not positive or `ηλ ≥ 1`; if `‖x‖ = 0`. No parameter has changed then.
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
        let SiSgdConfig { weight_decay, clip } = self.config;
        require::learning_rate(lr, weight_decay)?;
        let relative = |clip| Threshold::Relative { clip, weight_decay, lr };
        let threshold = clip.map_or(Threshold::None, relative);
        let descent = Descent { lr, weight_decay, threshold, scale_invariant: true };
        if has_kernels(&self.vars) {
            let group = Group::new(&fit(&self.vars, grads)?, &[], |_| Traits::default())?;
            return descent.check_on_device(group, &self.guarded, &mut self.steps);
        }
        descent.check(collect(&self.vars, grads)?, &mut self.steps)
    }

    /// The hyper-parameters.
    pub fn config(&self) -> SiSgdConfig {
        self.config
    }
}

impl Optimizer for SiSgd {
    fn vars(&self) -> &[(String, Var)] {
        &self.vars
    }

    fn steps(&self) -> u64 {
        self.steps
    }

    fn check<'a>(&'a mut self, grads: &'a dyn GradientSource, lr: f64) -> Result<CheckedStep<'a>> {
        Ok(SiSgd::check(self, grads, lr)?.map(Report::from))
    }

    fn share_guard(&mut self, guard: &Guard) {
        self.guarded = Guarded::new(guard, &self.vars);
    }

    fn state(&self) -> Result<Vec<(String, Tensor)>> {
        Ok(vec![step_entry(self.steps)?])
    }

    fn load_state(&mut self, state: &HashMap<String, Tensor>) -> Result<()> {
        self.steps = load_step(state, &[])?;
        Ok(())
    }
}
