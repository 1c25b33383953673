//! The update of one optimizer step: a rule for the encoder and one for the head, or one rule for everything.

use std::collections::HashMap;

use anyhow::{Context, Result};
use candle_core::Tensor;
use sibert_model::{Block, BlockKind, FineTuning, ModelType, PreTraining};
use sisgd::{
    AdamW, AdamWConfig, CheckedStep, Deferred, Gradients, Guard, Lamb, LambConfig, NamedVars, PlainSgdConfig,
    RotationReport, Schedule, Sgd, SgdConfig, SiSgd, Spectral, SpectralConfig, StepReport, UpdateReport,
};

use crate::config::{HeadConfig, HeadOptimizer, Optimizer, RunConfig, SpectralSettings};
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
    /// λ, if the group is scale invariant and its rule is without memory, so that the theory of its equilibrium applies.
    decay_to_equilibrium: Option<f64>,
    schedule: Schedule,
}

/// The rule of fine-tuning.
#[derive(Clone, Debug)]
pub struct WholeRule {
    /// LAMB or AdamW, with bias correction, or spectral descent.
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
    /// The groups of a run: SIBERT's encoder and its head; BERT's matrices and the rest with Muon, else all in one.
    ///
    /// # Errors
    /// If a rule refuses its settings.
    pub fn new(model: &PreTraining, config: &RunConfig) -> Result<Self> {
        let (blocks, head_blocks) = match (model.config().model_type, config.optimizer) {
            (ModelType::Sibert, _) => (model.encoder_blocks(), model.head_blocks()),
            (ModelType::Bert, Optimizer::Muon) => matrices_and_rest(model),
            (ModelType::Bert, _) => ([model.encoder_blocks(), model.head_blocks()].concat(), Vec::new()),
        };
        let mut head = match head_blocks.is_empty() {
            false => {
                let settings = config.head.clone().unwrap_or_default();
                Some(Group::head(head_blocks, &settings, config.max_steps).context("head")?)
            }
            true => None,
        };
        let (mut encoder, guard) = (Group::encoder(blocks, config)?, Guard::new());
        for group in [Some(&mut encoder), head.as_mut()].into_iter().flatten() {
            group.rule.share_guard(&guard); // a bad gradient of either stops both
        }
        Ok(Self { encoder, head })
    }

    /// The groups of a model that is tuned: all parameters in one, or with the rule `spectral` the encoder, whose blocks
    /// turn, and the head, whose steps are relative to its norms.
    ///
    /// # Errors
    /// If the rule refuses its settings.
    pub fn of_tuning(model: &FineTuning, rule: &WholeRule) -> Result<Self> {
        let WholeRule { optimizer, lr, weight_decay, max_grad_norm, ref schedule } = *rule;
        let group = |rule| Group { rule, lr, decay_to_equilibrium: None, schedule: schedule.clone() };
        let max_grad_norm = Some(max_grad_norm);
        let vars = model.parameters();
        let (mut encoder, mut head) = match optimizer {
            HeadOptimizer::Spectral => {
                let (blocks, settings) =
                    (|blocks| SpectralSettings::default().blocks(blocks), SpectralConfig::ROTATION);
                let encoder = Spectral::new(blocks(model.encoder_blocks()), settings)?;
                let head = Spectral::new(blocks(model.head_blocks()), SpectralConfig::RELATIVE)?;
                (group(Box::new(encoder) as Box<dyn Rule>), Some(group(Box::new(head))))
            }
            HeadOptimizer::Lamb => {
                let config = LambConfig { weight_decay, max_grad_norm, ..LambConfig::default() };
                (group(Box::new(Lamb::new(vars, config)?)), None)
            }
            HeadOptimizer::Adamw => {
                let config = AdamWConfig { weight_decay, max_grad_norm, ..AdamWConfig::default() };
                (group(Box::new(AdamW::new(vars, config)?)), None)
            }
        };
        let guard = Guard::new();
        for group in [Some(&mut encoder), head.as_mut()].into_iter().flatten() {
            group.rule.share_guard(&guard);
        }
        Ok(Self { encoder, head })
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
    fn encoder(blocks: Vec<Block>, config: &RunConfig) -> Result<Self> {
        let RunConfig { weight_decay, momentum, .. } = *config;
        let vars = || variables(&blocks);
        let rule: Box<dyn Rule> = match config.optimizer {
            Optimizer::Spectral => {
                let settings = config.spectral.unwrap_or_default();
                let rotation = SpectralConfig { momentum, ..settings.rotation() };
                Box::new(Spectral::new(settings.blocks(blocks), rotation)?)
            }
            Optimizer::Muon => {
                let muon = SpectralConfig { momentum, weight_decay, ..SpectralConfig::MUON };
                Box::new(Spectral::new(SpectralSettings::default().blocks(blocks), muon)?)
            }
            Optimizer::Sisgd => Box::new(SiSgd::new(vars(), SgdConfig { weight_decay, clip: config.clip })?),
            Optimizer::Sgd => {
                let max_grad_norm = config.clip;
                Box::new(Sgd::new(vars(), PlainSgdConfig { weight_decay, max_grad_norm, momentum })?)
            }
            Optimizer::Lamb => lamb(vars(), weight_decay)?,
            Optimizer::Adamw => adamw(vars(), weight_decay)?,
        };
        let descends = matches!(config.optimizer, Optimizer::Sisgd | Optimizer::Sgd | Optimizer::Spectral);
        let sgd = descends && config.momentum == 0.;
        let scale_invariant = config.model.model_type == ModelType::Sibert;
        let decay_to_equilibrium = (sgd && scale_invariant).then_some(weight_decay);
        let schedule = config.schedule.over(config.max_steps);
        Ok(Self { rule, lr: config.lr, decay_to_equilibrium, schedule })
    }

    fn head(blocks: Vec<Block>, config: &HeadConfig, max_steps: usize) -> Result<Self> {
        let rule: Box<dyn Rule> = match config.optimizer {
            HeadOptimizer::Spectral => {
                Box::new(Spectral::new(SpectralSettings::default().blocks(blocks), SpectralConfig::RELATIVE)?)
            }
            HeadOptimizer::Lamb => lamb(variables(&blocks), config.weight_decay)?,
            HeadOptimizer::Adamw => adamw(variables(&blocks), config.weight_decay)?,
        };
        let schedule = config.schedule.over(max_steps);
        Ok(Self { rule, lr: config.lr, decay_to_equilibrium: None, schedule })
    }

    fn lr_at(&self, step: usize) -> f64 {
        self.schedule.lr(self.lr, step)
    }
}

/// The matrices of a BERT, which Muon trains, and each of the rest by itself: biases, norms and the tables.
fn matrices_and_rest(model: &PreTraining) -> (Vec<Block>, Vec<Block>) {
    let (mut matrices, mut rest) = (Vec::new(), Vec::new());
    for Block { kind, vars } in [model.encoder_blocks(), model.head_blocks()].concat() {
        let of_matrix = kind == BlockKind::Matrix;
        for (index, var) in vars.into_iter().enumerate() {
            match of_matrix && index == 0 {
                true => matrices.push(Block { kind: BlockKind::Matrix, vars: vec![var] }),
                false => rest.push(Block { kind: BlockKind::Whole, vars: vec![var] }),
            }
        }
    }
    (matrices, rest)
}

/// The variables of blocks, in their order.
fn variables(blocks: &[Block]) -> NamedVars {
    blocks.iter().flat_map(|block| block.vars.iter().cloned()).collect()
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

impl From<RotationReport> for StepMetrics {
    fn from(report: RotationReport) -> Self {
        Self {
            grad_norm: report.grad_norm,
            param_norm: report.new_param_norm,
            clip_factor: 1.,
            angle: Some(report.angle),
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
