//! The update of one optimizer step: SGD on the encoder and LAMB on the head, or one rule on everything.

use std::collections::HashMap;

use anyhow::{Context, Result};
use candle_core::Tensor;
use sibert_model::{ModelType, PreTraining};
use sisgd::{
    AdamW, AdamWConfig, CheckedStep, Deferred, Gradients, Guard, Lamb, LambConfig, NamedVars, PlainSgdConfig,
    Schedule, Sgd, SgdConfig, SiSgd, StepReport, UpdateReport,
};

use crate::config::{HeadConfig, HeadOptimizer, Optimizer, RunConfig};
use crate::log::{Sphere, StepMetrics};

/// Any optimizer, by what the log wants to know of its steps.
trait Rule {
    fn check<'a>(
        &'a mut self,
        grads: &'a dyn Gradients,
        lr: f64,
    ) -> candle_core::Result<CheckedStep<'a, StepMetrics>>;
    fn share_guard(&mut self, guard: &Guard);
    fn state(&self) -> candle_core::Result<Vec<(String, Tensor)>>;
    fn load_state(&mut self, state: &HashMap<String, Tensor>) -> candle_core::Result<()>;
}

impl<O: sisgd::Optimizer<Report: Into<StepMetrics> + 'static>> Rule for O {
    fn check<'a>(
        &'a mut self,
        grads: &'a dyn Gradients,
        lr: f64,
    ) -> candle_core::Result<CheckedStep<'a, StepMetrics>> {
        Ok(sisgd::Optimizer::check(self, grads, lr)?.map(Into::into))
    }

    fn share_guard(&mut self, guard: &Guard) {
        sisgd::Optimizer::share_guard(self, guard);
    }

    fn state(&self) -> candle_core::Result<Vec<(String, Tensor)>> {
        sisgd::Optimizer::state(self)
    }

    fn load_state(&mut self, state: &HashMap<String, Tensor>) -> candle_core::Result<()> {
        sisgd::Optimizer::load_state(self, state)
    }
}

/// A group of parameters, its rule and its learning rate over time.
struct Group {
    rule: Box<dyn Rule>,
    lr: f64,
    /// λ, if the group is scale invariant and its rule is SGD, so that the theory of its equilibrium applies.
    decay_to_equilibrium: Option<f64>,
    schedule: Schedule,
}

/// One rule for all parameters, as in fine-tuning.
#[derive(Clone, Debug)]
pub struct WholeRule {
    /// LAMB or AdamW, with bias correction.
    pub optimizer: HeadOptimizer,
    /// Learning rate η before the schedule.
    pub lr: f64,
    /// Decoupled weight decay λ of the matrices.
    pub weight_decay: f64,
    /// Longest gradient, of all parameters together, that is not clipped.
    pub max_grad_norm: f64,
    /// Learning rate over time.
    pub schedule: Schedule,
}

/// What a step updates: the encoder's group, then the head's where it has its own.
pub struct Update {
    encoder: Group,
    head: Option<Group>,
}

impl Update {
    /// The groups of a run: SIBERT's head is trained by itself, BERT's belongs to the one group.
    ///
    /// # Errors
    /// If a rule refuses its settings.
    pub fn new(model: &PreTraining, config: &RunConfig) -> Result<Self> {
        let (vars, head_vars) = match model.config().model_type {
            ModelType::Sibert => (model.encoder_parameters(), Some(model.head_parameters())),
            ModelType::Bert => (model.parameters(), None),
        };
        let head = match head_vars {
            Some(vars) => {
                let settings = config.head.clone().unwrap_or_default();
                Some(Group::head(vars, &settings, config.max_steps).context("head")?)
            }
            None => None,
        };
        let (mut encoder, mut head, guard) = (Group::encoder(vars, config)?, head, Guard::new());
        for group in [Some(&mut encoder), head.as_mut()].into_iter().flatten() {
            group.rule.share_guard(&guard); // a bad gradient of either stops both
        }
        Ok(Self { encoder, head })
    }

    /// One group of all parameters.
    ///
    /// # Errors
    /// If the rule refuses its settings.
    pub fn of_all(vars: NamedVars, rule: &WholeRule) -> Result<Self> {
        let WholeRule { optimizer, lr, weight_decay, max_grad_norm, ref schedule } = *rule;
        let max_grad_norm = Some(max_grad_norm);
        let rule: Box<dyn Rule> = match optimizer {
            HeadOptimizer::Lamb => {
                let config = LambConfig { weight_decay, max_grad_norm, ..LambConfig::default() };
                Box::new(Lamb::new(vars, config)?)
            }
            HeadOptimizer::Adamw => {
                let config = AdamWConfig { weight_decay, max_grad_norm, ..AdamWConfig::default() };
                Box::new(AdamW::new(vars, config)?)
            }
        };
        let encoder = Group { rule, lr, decay_to_equilibrium: None, schedule: schedule.clone() };
        Ok(Self { encoder, head: None })
    }

    /// Updates every group at optimizer step `step`, counted from 0; nothing changes if a gradient is unfit.
    ///
    /// On a GPU the update is only enqueued: whether it was refused is known when its metrics are read.
    ///
    /// # Errors
    /// If a gradient is missing or not finite; names its parameter.
    pub fn step(&mut self, grads: &dyn Gradients, step: usize) -> Result<Deferred<StepMetrics>> {
        let head_lr = self.head.as_ref().map(|head| head.lr_at(step));
        let lr = self.encoder.lr_at(step);
        let encoder = self.encoder.rule.check(grads, lr)?;
        let head =
            self.head.as_mut().zip(head_lr).map(|(head, lr)| head.rule.check(grads, lr)).transpose()?;
        let mut metrics = encoder.enqueue()?;
        if let Some(head) = head {
            metrics = metrics.zip(head.enqueue()?)?.map(|(metrics, _)| metrics);
        }
        let decay = self.encoder.decay_to_equilibrium;
        Ok(metrics.map(move |metrics| {
            let sphere = decay.zip(metrics.sphere);
            let sphere = sphere.map(|(weight_decay, sphere)| Sphere { weight_decay, ..sphere });
            StepMetrics { lr, head_lr, sphere, ..metrics }
        }))
    }

    /// Every group's state by name, for a checkpoint.
    ///
    /// # Errors
    /// If the device fails.
    pub fn state(&self) -> Result<Vec<(String, Tensor)>> {
        let mut state = Vec::new();
        for (prefix, group) in self.groups() {
            let named = |(name, tensor)| (format!("{prefix}.{name}"), tensor);
            state.extend(group.rule.state()?.into_iter().map(named));
        }
        Ok(state)
    }

    /// Restores what `state` returned.
    ///
    /// # Errors
    /// If an entry is missing, left over or of another shape; names it.
    pub fn load_state(&mut self, state: &HashMap<String, Tensor>) -> Result<()> {
        let below = |prefix: &str| {
            let entry = |(name, tensor): (&String, &Tensor)| {
                Some((name.strip_prefix(prefix)?.strip_prefix('.')?.to_string(), tensor.clone()))
            };
            state.iter().filter_map(entry).collect::<HashMap<_, _>>()
        };
        self.encoder.rule.load_state(&below("encoder")).context("state of the encoder's optimizer")?;
        match &mut self.head {
            Some(head) => head.rule.load_state(&below("head")).context("state of the head's optimizer"),
            None => Ok(()),
        }
    }

    fn groups(&self) -> impl Iterator<Item = (&'static str, &Group)> {
        [("encoder", Some(&self.encoder)), ("head", self.head.as_ref())]
            .into_iter()
            .filter_map(|(prefix, group)| Some((prefix, group?)))
    }
}

impl Group {
    fn encoder(vars: NamedVars, config: &RunConfig) -> Result<Self> {
        let weight_decay = config.weight_decay;
        let rule: Box<dyn Rule> = match config.optimizer {
            Optimizer::Sisgd => Box::new(SiSgd::new(vars, SgdConfig { weight_decay, clip: config.clip })?),
            Optimizer::Sgd => {
                let RunConfig { clip: max_grad_norm, momentum, .. } = *config;
                Box::new(Sgd::new(vars, PlainSgdConfig { weight_decay, max_grad_norm, momentum })?)
            }
            Optimizer::Lamb => lamb(vars, weight_decay)?,
            Optimizer::Adamw => adamw(vars, weight_decay)?,
        };
        let sgd = matches!(config.optimizer, Optimizer::Sisgd | Optimizer::Sgd) && config.momentum == 0.;
        let scale_invariant = config.model.model_type == ModelType::Sibert;
        let decay_to_equilibrium = (sgd && scale_invariant).then_some(weight_decay);
        let schedule = config.schedule.over(config.max_steps);
        Ok(Self { rule, lr: config.lr, decay_to_equilibrium, schedule })
    }

    fn head(vars: NamedVars, config: &HeadConfig, max_steps: usize) -> Result<Self> {
        let rule = match config.optimizer {
            HeadOptimizer::Lamb => lamb(vars, config.weight_decay)?,
            HeadOptimizer::Adamw => adamw(vars, config.weight_decay)?,
        };
        let schedule = config.schedule.over(max_steps);
        Ok(Self { rule, lr: config.lr, decay_to_equilibrium: None, schedule })
    }

    fn lr_at(&self, step: usize) -> f64 {
        self.schedule.lr(self.lr, step)
    }
}

fn lamb(vars: NamedVars, weight_decay: f64) -> Result<Box<dyn Rule>> {
    Ok(Box::new(Lamb::new(vars, LambConfig { weight_decay, ..LambConfig::default() })?))
}

fn adamw(vars: NamedVars, weight_decay: f64) -> Result<Box<dyn Rule>> {
    Ok(Box::new(AdamW::new(vars, AdamWConfig { weight_decay, ..AdamWConfig::default() })?))
}

impl From<StepReport> for StepMetrics {
    fn from(report: StepReport) -> Self {
        Self {
            grad_norm: report.grad_norm,
            param_norm: report.new_param_norm,
            clip_factor: report.clip_factor,
            angle: Some(report.angle),
            effective_lr: Some(report.effective_lr),
            sphere: Some(Sphere {
                grad_norm: report.grad_norm * report.param_norm,
                param_norm: report.param_norm,
                euler: report.euler,
                weight_decay: 0.,
            }),
            ..Self::default()
        }
    }
}

impl From<UpdateReport> for StepMetrics {
    fn from(report: UpdateReport) -> Self {
        Self {
            grad_norm: report.grad_norm,
            param_norm: report.param_norm,
            clip_factor: report.clip_factor,
            ..Self::default()
        }
    }
}
