//! The settings of a learning-rate schedule; its moments are fractions of the run.

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use sisgd::Schedule;

/// Shape of the learning rate over the run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleConfig {
    /// The curve.
    pub kind: ScheduleKind,
    /// Fraction of `max_steps` over which the rate rises from 0; `linear`, `cosine`, `polynomial`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmup: Option<f64>,
    /// Fractions of `max_steps` at which the rate is multiplied by `factor`; `piecewise_constant`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub milestones: Option<Vec<f64>>,
    /// Multiplier at each milestone, 0.1 when absent; `piecewise_constant`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    /// Exponent p of `(1 - t)^p`, 1 when absent; `polynomial`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power: Option<f64>,
}

/// Curve of the learning rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleKind {
    /// The same rate at every step.
    #[default]
    Constant,
    /// Multiplied by `factor` at each milestone.
    PiecewiseConstant,
    /// Warm-up, then a straight line to 0.
    Linear,
    /// Warm-up, then half a cosine to 0.
    Cosine,
    /// Warm-up, then `(1 - t)^power`.
    Polynomial,
}

impl ScheduleConfig {
    /// The paper's schedule of the encoder: a tenth at 60 % and again at 90 % of the run.
    pub fn divided_by_ten() -> Self {
        let kind = ScheduleKind::PiecewiseConstant;
        Self { kind, milestones: Some(vec![0.6, 0.9]), factor: Some(0.1), ..Self::default() }
    }

    /// A decaying schedule with a warm-up over this fraction of the run.
    pub fn warmed_up(kind: ScheduleKind, warmup: f64) -> Self {
        Self { kind, warmup: Some(warmup), ..Self::default() }
    }

    /// The schedule of a run of `max_steps`, fractions rounded to the nearest step.
    pub fn over(&self, max_steps: usize) -> Schedule {
        let step = |fraction: f64| (fraction * max_steps as f64).round() as usize;
        let warmup_steps = step(self.warmup.unwrap_or(0.0)).min(max_steps - 1);
        let milestones = self.milestones.iter().flatten().map(|at| step(*at)).filter(|at| *at < max_steps);
        match self.kind {
            ScheduleKind::Constant => Schedule::Constant,
            ScheduleKind::PiecewiseConstant => Schedule::PiecewiseConstant {
                milestones: milestones.collect(),
                factor: self.factor.unwrap_or(0.1),
            },
            ScheduleKind::Linear => Schedule::Linear { warmup_steps, total_steps: max_steps },
            ScheduleKind::Cosine => Schedule::Cosine { warmup_steps, total_steps: max_steps },
            ScheduleKind::Polynomial => {
                let power = self.power.unwrap_or(1.0);
                Schedule::Polynomial { warmup_steps, total_steps: max_steps, power }
            }
        }
    }

    /// Checks the fractions, and that each setting has a meaning for `kind`.
    ///
    /// # Errors
    /// Names the key under `table`, its value and the rule it breaks.
    pub fn validate(&self, table: &str, max_steps: usize) -> Result<()> {
        self.validate_meaning(table)?;
        if let Some(warmup) = self.warmup {
            ensure!(
                (0.0..1.0).contains(&warmup),
                "{table}.warmup {warmup} is not a fraction of the run: 0 <= warmup < 1"
            );
        }
        for pair in self.milestones.iter().flat_map(|milestones| milestones.windows(2)) {
            ensure!(pair[0] < pair[1], "{table}.milestones {} and {} do not ascend", pair[0], pair[1]);
        }
        for at in self.milestones.iter().flatten() {
            ensure!(
                *at > 0.0 && *at < 1.0,
                "{table}.milestones: {at} is not a fraction of the run, between 0 and 1"
            );
        }
        for (key, value) in [("factor", self.factor), ("power", self.power)] {
            let value = value.unwrap_or(1.0);
            ensure!(value > 0.0 && value.is_finite(), "{table}.{key} {value} is not above 0");
        }
        self.over(max_steps).validate().with_context(|| format!("{table} over {max_steps} steps"))
    }

    fn validate_meaning(&self, table: &str) -> Result<()> {
        use ScheduleKind::{Constant, PiecewiseConstant, Polynomial};
        let kind = self.kind;
        let steps = kind == PiecewiseConstant;
        let present = [
            ("warmup", self.warmup.is_some(), kind != Constant && !steps),
            ("milestones", self.milestones.is_some(), steps),
            ("factor", self.factor.is_some(), steps),
            ("power", self.power.is_some(), kind == Polynomial),
        ];
        for (key, given, used) in present {
            ensure!(used || !given, "{table}.{key} has no meaning for {table}.kind {}", kind.name());
        }
        let milestones = self.milestones.as_ref().is_some_and(|milestones| !milestones.is_empty());
        ensure!(
            !steps || milestones,
            "{table}.kind piecewise_constant needs {table}.milestones, as in [0.6, 0.9]"
        );
        Ok(())
    }
}

impl ScheduleKind {
    fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::PiecewiseConstant => "piecewise_constant",
            Self::Linear => "linear",
            Self::Cosine => "cosine",
            Self::Polynomial => "polynomial",
        }
    }
}
