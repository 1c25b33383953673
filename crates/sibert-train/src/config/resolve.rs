//! Completes merged settings: writes out shorthands, and fills in defaults that depend on other keys.

use anyhow::{Result, ensure};
use sibert_model::ModelType;
use toml::{Table, Value};

use super::{
    ANGLE, GeneralRule, HeadConfig, IntrinsicLr, MUON_MOMENTUM, MUON_RATE, Optimizer, Polar, RunConfig,
    ScheduleConfig, ScheduleKind, head_angle, model,
};

/// The default η of `sisgd`: so large that the clip sets every step, whatever the initial scale of the model.
const CLIPPED_RATE: f64 = 1e4;

/// The largest η·λ that a budget gives: a run of fewer than 10·D steps decays by less than D in all.
const LARGEST_RATE: f64 = 0.1;

/// The settings that set the weight decay; at most one of them may be given.
const DECAYS: [&str; 3] = ["weight_decay", "budget", "intrinsic_lr"];

/// Completes the merged table. The result is not validated yet.
///
/// ```text
/// model.preset                     → the four sizes it stands for, unless given
/// budget D                         → weight_decay = min(D / max_steps, 0.1) / lr
/// intrinsic_lr ηλ                  → weight_decay = ηλ / lr
/// none of these three              → intrinsic_lr = "auto" for sisgd, none for spectral, weight_decay 0.01 for the others
/// no lr                            → 1e4 for sisgd with a clip, 0.05 rad for spectral, 0.02 for muon, else the paper's 8e-4
/// no clip                          → √C = 2 for sisgd, none for the others
/// no momentum                      → 0.95 for muon, none for the others
/// no [schedule]                    → warmed up over 2 % and linear for spectral, over 5 % for muon, else the paper's
/// [schedule] without kind          → the kind of the default, and what else it lacks
/// validation without held_out      → held_out = 0
/// no [spectral]                    → the whole rule, for spectral
/// no spectral.polar                → zolotarev on the CPU, newton_schulz elsewhere
/// no [head], or a part of it       → the rule spectral beside spectral, AdamW for BERT beside muon, else LAMB as in the
///                                    paper for SIBERT, none for BERT
/// no head.lr for spectral          → 0.025, and above width 256 less: 6.4 / hidden_size
/// ```
///
/// # Errors
/// If two of `weight_decay`, `budget` and `intrinsic_lr` are given, or a preset is unknown.
pub fn complete(mut table: Table) -> Result<RunConfig> {
    let given_keys: Vec<String> = table.keys().cloned().collect();
    let decays: Vec<_> = DECAYS.into_iter().filter(|key| table.contains_key(*key)).collect();
    ensure!(
        decays.len() < 2,
        "{} are both set: budget D stands for weight_decay = D / (lr·max_steps), intrinsic_lr for lr·weight_decay",
        decays.join(" and ")
    );
    ensure!(
        !(table.contains_key("epochs") && decays.contains(&"budget")),
        "epochs and budget are both set: a budget is spent over max_steps, which epochs are turned into when the text is \
         known; give intrinsic_lr, or max_steps"
    );
    if let Some(Value::Table(model)) = table.get_mut("model") {
        model::expand_preset(model)?;
    }
    let rule = optimizer_of(&table)?;
    let head = HeadConfig::under(rule);
    fill_schedule(&mut table, &default_schedule(rule))?;
    let mut head_rate_given = false;
    if let Some(Value::Table(given)) = table.get_mut("head") {
        head_rate_given = given.contains_key("lr");
        fill_head(given, &head)?;
    }
    let mut config: RunConfig = table.try_into()?;
    config.sweep = None;
    if !config.validation.is_empty() && !given_keys.iter().any(|key| key == "held_out") {
        config.held_out = 0.;
    }
    fill_rates(&mut config, &given_keys);
    if let Some(budget) = config.budget.take() {
        let rate = (budget / config.max_steps as f64).min(LARGEST_RATE);
        config.intrinsic_lr = Some(IntrinsicLr::Rate(rate));
    }
    if let Some(rate) = config.intrinsic_lr.take() {
        config.weight_decay = rate.value() / config.lr;
    }
    if rule == Optimizer::Spectral {
        let polar = Polar::on(config.device);
        config.spectral.get_or_insert_default().polar.get_or_insert(polar);
    }
    if (config.model.model_type == ModelType::Sibert || rule == Optimizer::Muon) && config.head.is_none() {
        config.head = Some(head);
    }
    let hidden = config.model.hidden_size;
    if let Some(head) = config.head.as_mut().filter(|head| head.optimizer == GeneralRule::Spectral)
        && !head_rate_given
    {
        head.lr = head_angle(hidden);
    }
    Ok(config)
}

/// The optimizer of a table; the defaults of other keys depend on it.
fn optimizer_of(table: &Table) -> Result<Optimizer> {
    match table.get("optimizer") {
        Some(name) => Ok(name.clone().try_into()?),
        None => Ok(RunConfig::default().optimizer),
    }
}

/// Fills in rates, decay, clip and momentum.
fn fill_rates(config: &mut RunConfig, given: &[String]) {
    let given = |key: &str| given.iter().any(|name| name == key);
    let rule = config.optimizer;
    let scale_invariant_rule = rule == Optimizer::Sisgd;
    if !given("clip") {
        config.clip = scale_invariant_rule.then_some(2.0);
    }
    if !given("lr") {
        config.lr = match rule {
            Optimizer::Sisgd if config.clip.is_some() => CLIPPED_RATE,
            Optimizer::Spectral => ANGLE,
            Optimizer::Muon => MUON_RATE,
            _ => config.lr,
        };
    }
    if !DECAYS.into_iter().any(given) {
        match rule {
            Optimizer::Sisgd => config.intrinsic_lr = Some(IntrinsicLr::Auto),
            Optimizer::Spectral => config.weight_decay = 0.,
            _ => (),
        }
    }
    if !given("momentum") && rule == Optimizer::Muon {
        config.momentum = MUON_MOMENTUM;
    }
}

/// The default schedule of an optimizer.
fn default_schedule(rule: Optimizer) -> ScheduleConfig {
    match rule {
        Optimizer::Spectral => ScheduleConfig::warmed_up(ScheduleKind::Linear, 0.02),
        Optimizer::Muon => ScheduleConfig::warmed_up(ScheduleKind::Linear, 0.05),
        _ => ScheduleConfig::divided_by_ten(),
    }
}

/// Completes a table `[head]`: missing keys get the defaults of its own rule if it names one, else those of `default`.
fn fill_head(head: &mut Table, default: &HeadConfig) -> Result<()> {
    let named: Option<GeneralRule> = head.get("optimizer").map(|name| name.clone().try_into()).transpose()?;
    let default = match named {
        Some(rule) if rule != default.optimizer => match rule {
            GeneralRule::Spectral => HeadConfig::under(Optimizer::Spectral),
            _ => HeadConfig { optimizer: rule, ..HeadConfig::default() },
        },
        _ => default.clone(),
    };
    fill_schedule(head, &default.schedule)?;
    for (key, value) in Table::try_from(default)? {
        head.entry(key).or_insert(value);
    }
    Ok(())
}

/// Completes the table `schedule` in `table`: without a kind, its keys change the default schedule.
fn fill_schedule(table: &mut Table, default: &ScheduleConfig) -> Result<()> {
    let schedule = table.entry("schedule").or_insert_with(|| Value::Table(Table::new()));
    let Value::Table(schedule) = schedule else { return Ok(()) };
    let mut filled = Table::try_from(default)?;
    if schedule.get("kind").is_none_or(|kind| filled.get("kind") == Some(kind)) {
        filled.extend(std::mem::take(schedule));
        *schedule = filled;
    }
    Ok(())
}
