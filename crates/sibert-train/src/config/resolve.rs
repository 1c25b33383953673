//! From merged settings to complete ones: shorthands written out, defaults that depend on other keys filled in.

use anyhow::{Result, ensure};
use sibert_model::ModelType;
use toml::{Table, Value};

use super::{HeadConfig, Optimizer, RunConfig, ScheduleConfig, model};

/// D of a SIBERT run that states neither `weight_decay` nor `budget`: the paper's 8e-4 · 1e-2 · 1e6.
const PAPER_BUDGET: f64 = 8.0;

/// Largest η·λ that a budget is turned into: a run of fewer than 10·D steps spends less than D.
const LARGEST_RATE: f64 = 0.1;

/// Reads the merged table as a complete configuration, not yet validated.
///
/// ```text
/// model.preset                     → the four sizes it stands for, unless given
/// budget D                         → weight_decay = min(D / max_steps, 0.1) / lr
/// neither budget nor weight_decay  → D = 8 for sisgd, weight_decay 0.01 for the others
/// no clip                          → √C = 2 for sisgd, none for the others
/// [schedule] without kind          → the kind of the default, and what else it lacks
/// no [head]                        → LAMB as in the paper for SIBERT, none for BERT
/// ```
///
/// # Errors
/// If both `budget` and `weight_decay` are given, or a preset is unknown.
pub fn complete(mut table: Table) -> Result<RunConfig> {
    let given = |key: &str| table.contains_key(key);
    let (decay_given, budget_given, clip_given) = (given("weight_decay"), given("budget"), given("clip"));
    ensure!(
        !(decay_given && budget_given),
        "weight_decay and budget are both set: budget D stands for weight_decay = D / (lr·max_steps)"
    );
    if let Some(Value::Table(model)) = table.get_mut("model") {
        model::expand_preset(model)?;
    }
    fill_schedule(&mut table, &ScheduleConfig::divided_by_ten())?;
    if let Some(Value::Table(head)) = table.get_mut("head") {
        fill_schedule(head, &HeadConfig::default().schedule)?;
    }
    let mut config: RunConfig = table.try_into()?;
    let scale_invariant_rule = config.optimizer == Optimizer::Sisgd;
    if !clip_given {
        config.clip = scale_invariant_rule.then_some(2.0);
    }
    if scale_invariant_rule && !decay_given && !budget_given {
        config.budget = Some(PAPER_BUDGET);
    }
    if let Some(budget) = config.budget.take() {
        config.weight_decay = (budget / config.max_steps as f64).min(LARGEST_RATE) / config.lr;
    }
    if config.model.model_type == ModelType::Sibert && config.head.is_none() {
        config.head = Some(HeadConfig::default());
    }
    Ok(config)
}

/// Completes the table `schedule` in `table`, if there is one: a part of a curve is a part of the default curve.
fn fill_schedule(table: &mut Table, default: &ScheduleConfig) -> Result<()> {
    let Some(Value::Table(schedule)) = table.get_mut("schedule") else { return Ok(()) };
    let mut filled = Table::try_from(default)?;
    if schedule.get("kind").is_none_or(|kind| filled.get("kind") == Some(kind)) {
        filled.extend(std::mem::take(schedule));
        *schedule = filled;
    }
    Ok(())
}
