//! A group of parameters with its rule, from the settings that name it.

use anyhow::Result;
use sibert_model::{Block, BlockKind, ModelType, PreTraining};
use sisgd::{
    AdamW, AdamWConfig, Lamb, LambConfig, NamedVars, PlainSgdConfig, Schedule, Sgd, SiSgd, SiSgdConfig,
    Spectral, SpectralConfig,
};

use crate::bf16;
use crate::config::{GeneralRule, HeadConfig, Optimizer, RunConfig, SpectralSettings};

/// A group of parameters, its rule and its learning rate over time.
pub(super) struct Group {
    pub rule: Box<dyn sisgd::Optimizer>,
    pub lr: f64,
    /// λ, if the group is scale invariant and its rule is without memory, so that the theory of its equilibrium applies.
    pub decay_to_equilibrium: Option<f64>,
    pub schedule: Schedule,
}

impl Group {
    /// The encoder's, or of everything for BERT.
    pub fn encoder(blocks: Vec<Block>, config: &RunConfig) -> Result<Self> {
        let RunConfig { weight_decay, momentum, .. } = *config;
        let precision = bf16::of_factors(config.precision);
        let vars = || variables(&blocks);
        let rule: Box<dyn sisgd::Optimizer> = match config.optimizer {
            Optimizer::Spectral => {
                let settings = config.spectral.unwrap_or_default();
                let rotation = SpectralConfig { momentum, precision, ..settings.rotation() };
                Box::new(Spectral::new(settings.blocks(blocks), rotation)?)
            }
            Optimizer::Muon => {
                let muon = SpectralConfig { momentum, weight_decay, precision, ..SpectralConfig::MUON };
                Box::new(Spectral::new(SpectralSettings::default().blocks(blocks), muon)?)
            }
            Optimizer::Sisgd => {
                Box::new(SiSgd::new(vars(), SiSgdConfig { weight_decay, clip: config.clip })?)
            }
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

    /// The head's, or of what Muon leaves.
    pub fn head(blocks: Vec<Block>, config: &HeadConfig, run: &RunConfig) -> Result<Self> {
        let rule: Box<dyn sisgd::Optimizer> = match config.optimizer {
            GeneralRule::Spectral => {
                let precision = bf16::of_factors(run.precision);
                let relative = SpectralConfig { precision, ..run.spectral.unwrap_or_default().relative() };
                Box::new(Spectral::new(SpectralSettings::default().blocks(blocks), relative)?)
            }
            GeneralRule::Lamb => lamb(variables(&blocks), config.weight_decay)?,
            GeneralRule::Adamw => adamw(variables(&blocks), config.weight_decay)?,
        };
        let schedule = config.schedule.over(run.max_steps);
        Ok(Self { rule, lr: config.lr, decay_to_equilibrium: None, schedule })
    }

    pub fn lr_at(&self, step: usize) -> f64 {
        self.schedule.lr(self.lr, step)
    }
}

/// The matrices of a BERT, which Muon trains, and each of the rest by itself: biases, norms and the tables.
pub(super) fn matrices_and_rest(model: &PreTraining) -> (Vec<Block>, Vec<Block>) {
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

fn lamb(vars: NamedVars, weight_decay: f64) -> Result<Box<dyn sisgd::Optimizer>> {
    Ok(Box::new(Lamb::new(vars, LambConfig { weight_decay, ..LambConfig::default() })?))
}

fn adamw(vars: NamedVars, weight_decay: f64) -> Result<Box<dyn sisgd::Optimizer>> {
    Ok(Box::new(AdamW::new(vars, AdamWConfig { weight_decay, ..AdamWConfig::default() })?))
}
