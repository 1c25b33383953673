//! The update of one optimizer step: a rule for the encoder and one for the head, or one rule for everything.

mod group;
mod metrics;

use std::collections::HashMap;

use anyhow::{Context, Result};
use candle_core::Tensor;
use sibert_model::{FineTuning, ModelType, PreTraining, Precision};
use sisgd::{
    AdamW, AdamWConfig, Deferred, GradientSource, Guard, Lamb, LambConfig, Schedule, Spectral, SpectralConfig,
};

use crate::bf16;
use crate::config::{GeneralRule, Optimizer, RunConfig, SpectralSettings};
use crate::log::{Sphere, StepMetrics};
use group::{Group, matrices_and_rest};

/// The rule of fine-tuning.
#[derive(Clone, Debug)]
pub struct WholeRule {
    /// LAMB or AdamW, with bias correction, or spectral descent.
    pub optimizer: GeneralRule,
    /// Learning rate η before the schedule.
    pub lr: f64,
    /// Decoupled weight decay λ of the matrices.
    pub weight_decay: f64,
    /// Longest gradient, of all parameters together, that is not clipped.
    pub max_grad_norm: f64,
    /// Learning rate over time.
    pub schedule: Schedule,
    /// Of the run's matrix products.
    pub precision: Precision,
}

/// The groups that a step updates: the main one, and the head's where it has its own.
pub struct Update {
    /// The encoder's, or everything.
    main: Group,
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
        let head = match head_blocks.is_empty() {
            false => {
                let settings = config.head.clone().unwrap_or_default();
                Some(Group::head(head_blocks, &settings, config).context("head")?)
            }
            true => None,
        };
        Ok(Self::under_one_guard(Group::encoder(blocks, config)?, head))
    }

    /// The groups of a model that is tuned: all parameters in one, or with the rule `spectral` the encoder, whose blocks
    /// turn, and the head, whose steps are relative to its norms.
    ///
    /// # Errors
    /// If the rule refuses its settings.
    pub fn of_tuning(model: &FineTuning, rule: &WholeRule) -> Result<Self> {
        let WholeRule { optimizer, lr, weight_decay, max_grad_norm, ref schedule, precision } = *rule;
        let group = |rule| Group { rule, lr, decay_to_equilibrium: None, schedule: schedule.clone() };
        let max_grad_norm = Some(max_grad_norm);
        let vars = model.parameters();
        let (main, head) = match optimizer {
            GeneralRule::Spectral => {
                let spectral = |blocks, config| {
                    let config = SpectralConfig { precision: bf16::of_factors(precision), ..config };
                    Spectral::new(SpectralSettings::default().blocks(blocks), config)
                };
                let encoder = spectral(model.encoder_blocks(), SpectralConfig::ROTATION)?;
                let head = spectral(model.head_blocks(), SpectralConfig::RELATIVE)?;
                (group(Box::new(encoder) as Box<dyn sisgd::Optimizer>), Some(group(Box::new(head))))
            }
            GeneralRule::Lamb => {
                let config = LambConfig { weight_decay, max_grad_norm, ..LambConfig::default() };
                (group(Box::new(Lamb::new(vars, config)?)), None)
            }
            GeneralRule::Adamw => {
                let config = AdamWConfig { weight_decay, max_grad_norm, ..AdamWConfig::default() };
                (group(Box::new(AdamW::new(vars, config)?)), None)
            }
        };
        Ok(Self::under_one_guard(main, head))
    }

    /// A bad gradient of either group stops both.
    fn under_one_guard(mut main: Group, mut head: Option<Group>) -> Self {
        let guard = Guard::new();
        for group in [Some(&mut main), head.as_mut()].into_iter().flatten() {
            group.rule.share_guard(&guard);
        }
        Self { main, head }
    }

    /// Updates every group at optimizer step `step`, counted from 0; nothing changes if a gradient is unfit.
    ///
    /// On a GPU the update is only enqueued: whether it was refused is known when its metrics are read.
    ///
    /// # Errors
    /// If a gradient is missing or not finite; names its parameter.
    pub fn step(&mut self, grads: &dyn GradientSource, step: usize) -> Result<Deferred<StepMetrics>> {
        let head_lr = self.head.as_ref().map(|head| head.lr_at(step));
        let lr = self.main.lr_at(step);
        let main = self.main.rule.check(grads, lr)?.map(StepMetrics::from);
        let head =
            self.head.as_mut().zip(head_lr).map(|(head, lr)| head.rule.check(grads, lr)).transpose()?;
        let mut metrics = main.enqueue()?;
        if let Some(head) = head {
            metrics = metrics.zip(head.enqueue()?)?.map(|(metrics, _)| metrics);
        }
        let decay = self.main.decay_to_equilibrium;
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
        self.main.rule.load_state(&below("encoder")).context("state of the encoder's optimizer")?;
        match &mut self.head {
            Some(head) => head.rule.load_state(&below("head")).context("state of the head's optimizer"),
            None => Ok(()),
        }
    }

    fn groups(&self) -> impl Iterator<Item = (&'static str, &Group)> {
        [("encoder", Some(&self.main)), ("head", self.head.as_ref())]
            .into_iter()
            .filter_map(|(prefix, group)| Some((prefix, group?)))
    }
}
