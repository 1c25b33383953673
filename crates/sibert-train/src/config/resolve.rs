//! From merged settings to complete ones: shorthands written out, defaults that depend on other keys filled in.

use anyhow::{Result, ensure};
use sibert_model::ModelType;
use toml::{Table, Value};

use super::{HeadConfig, IntrinsicLr, Optimizer, RunConfig, ScheduleConfig, model};

/// η of `sisgd` where none is given: so large that the clip sets every step, from any initial scale of any model.
const CLIPPED_RATE: f64 = 1e4;

/// Largest η·λ that a budget is turned into: a run of fewer than 10·D steps spends less than D.
const LARGEST_RATE: f64 = 0.1;

/// What stands for the weight decay; at most one of them is given.
const DECAYS: [&str; 3] = ["weight_decay", "budget", "intrinsic_lr"];

/// Reads the merged table as a complete configuration, not yet validated.
///
/// ```text
/// model.preset                     → the four sizes it stands for, unless given
/// budget D                         → weight_decay = min(D / max_steps, 0.1) / lr
/// intrinsic_lr ηλ                  → weight_decay = ηλ / lr
/// none of these three              → intrinsic_lr = "auto" for sisgd, weight_decay 0.01 for the others
/// no lr                            → 1e4 for sisgd with a clip, the paper's 8e-4 otherwise
/// no clip                          → √C = 2 for sisgd, none for the others
/// [schedule] without kind          → the kind of the default, and what else it lacks
/// no [head]                        → LAMB as in the paper for SIBERT, none for BERT
/// ```
///
/// # Errors
/// If two of `weight_decay`, `budget` and `intrinsic_lr` are given, or a preset is unknown.
pub fn complete(mut table: Table) -> Result<RunConfig> {
    let given = |key: &str| table.contains_key(key);
    let (clip_given, lr_given) = (given("clip"), given("lr"));
    let decays: Vec<_> = DECAYS.into_iter().filter(|key| given(key)).collect();
    ensure!(
        decays.len() < 2,
        "{} are both set: budget D stands for weight_decay = D / (lr·max_steps), intrinsic_lr for lr·weight_decay",
        decays.join(" and ")
    );
    if let Some(Value::Table(model)) = table.get_mut("model") {
        model::expand_preset(model)?;
    }
    fill_schedule(&mut table, &ScheduleConfig::divided_by_ten())?;
    if let Some(Value::Table(head)) = table.get_mut("head") {
        fill_schedule(head, &HeadConfig::default().schedule)?;
    }
    let mut config: RunConfig = table.try_into()?;
    config.sweep = None;
    let scale_invariant_rule = config.optimizer == Optimizer::Sisgd;
    if !clip_given {
        config.clip = scale_invariant_rule.then_some(2.0);
    }
    if scale_invariant_rule && config.clip.is_some() && !lr_given {
        config.lr = CLIPPED_RATE;
    }
    if scale_invariant_rule && decays.is_empty() {
        config.intrinsic_lr = Some(IntrinsicLr::Auto);
    }
    if let Some(budget) = config.budget.take() {
        let rate = (budget / config.max_steps as f64).min(LARGEST_RATE);
        config.intrinsic_lr = Some(IntrinsicLr::Rate(rate));
    }
    if let Some(rate) = config.intrinsic_lr.take() {
        config.weight_decay = rate.value() / config.lr;
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
