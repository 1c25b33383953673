//! The training rules, and the training of the head.

use std::str::FromStr;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::{ScheduleConfig, ScheduleKind};

/// The default angle θ of `spectral`, in radians: docs/results/recipe.md.
pub const ANGLE: f64 = 0.05;
/// The default rate of the head under `spectral`, as a share of its norms, up to width 256.
const HEAD_ANGLE: f64 = 0.025;

/// The default η of `muon`: that of Jordan (2024).
pub const MUON_RATE: f64 = 0.02;
/// The default momentum μ of `muon`.
pub const MUON_MOMENTUM: f64 = 0.95;

/// Training of the masked-LM head.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HeadConfig {
    /// Optimizer of the head.
    pub optimizer: GeneralRule,
    /// Learning rate before the schedule; absent: by the rule, and under `spectral` by [the width](head_angle).
    pub lr: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Learning rate over time.
    pub schedule: ScheduleConfig,
}

/// Update rule of the main parameter group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Optimizer {
    /// SGD, decoupled weight decay, relative global clipping (Li et al. 2022, Algorithm 1).
    Sisgd,
    /// Rotations of the blocks along orthogonal factors of their gradients, without state.
    Spectral,
    /// Steps of a fixed length along orthogonal factors of the momentum, on matrices; `[head]` trains the rest.
    Muon,
    /// SGD with a constant bound on the gradient norm.
    Sgd,
    /// Layer-wise adaptive moments.
    Lamb,
    /// Adam with decoupled weight decay.
    Adamw,
}

/// Update rule for any parameters, scale invariant or not: a head, or a whole model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GeneralRule {
    /// Steps along orthogonal factors, relative to the norms, without state.
    Spectral,
    /// Layer-wise adaptive moments, the paper's choice.
    Lamb,
    /// Adam with decoupled weight decay.
    Adamw,
}

impl GeneralRule {
    /// The name in options and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spectral => "spectral",
            Self::Lamb => "lamb",
            Self::Adamw => "adamw",
        }
    }
}

impl FromStr for GeneralRule {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = [Self::Spectral, Self::Lamb, Self::Adamw]
            .into_iter()
            .find(|rule| rule.name() == name.to_lowercase());
        found.ok_or_else(|| "unknown rule, expected spectral, lamb or adamw".to_string())
    }
}

impl HeadConfig {
    /// The default settings of the head beside this optimizer of the encoder.
    pub fn under(optimizer: Optimizer) -> Self {
        let warmed_up = |warmup| ScheduleConfig::warmed_up(ScheduleKind::Linear, warmup);
        let spectral = Self {
            optimizer: GeneralRule::Spectral,
            lr: HEAD_ANGLE,
            weight_decay: 0.,
            schedule: warmed_up(0.01),
        };
        match optimizer {
            Optimizer::Spectral => spectral,
            Optimizer::Muon => Self {
                optimizer: GeneralRule::Adamw,
                lr: 1e-3,
                weight_decay: 0.01,
                schedule: warmed_up(0.05),
            },
            _ => Self::default(),
        }
    }
}

/// The default rate of the head under `spectral`: above width 256 it falls with the width (docs/results/recipe.md, "Width 512").
pub fn head_angle(hidden: usize) -> f64 {
    HEAD_ANGLE.min(HEAD_ANGLE * 256. / hidden as f64)
}

impl Default for HeadConfig {
    fn default() -> Self {
        let schedule = ScheduleConfig::warmed_up(ScheduleKind::Linear, 0.01);
        Self { optimizer: GeneralRule::Lamb, lr: 8e-4, weight_decay: 0.0, schedule }
    }
}
