//! The settings of a fine-tuning run, complete: what `--resume` compares and the model card shows.

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sibert_data::task::Task;
use sibert_model::{ModelType, Precision};

use super::defaults::Defaults;
use crate::answers;
use crate::args::{AnswerArgs, FinetuneArgs};
use crate::config::GeneralRule;
use crate::pretrained::Pretrained;
use crate::team::shares_for;
use crate::tuned::Lengths;

/// A step of so many times what it changes leaves nothing of it.
const MOST_RATE: f64 = 1e3;

/// Everything but the seeds that decides what a run gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The task.
    pub task: Task,
    /// The model, as the user named it.
    pub model: String,
    /// Its commit on the hub.
    pub revision: Option<String>,
    /// Where the data is from.
    pub data: String,
    /// The rule.
    pub optimizer: GeneralRule,
    /// Peak learning rate.
    pub lr: f64,
    /// Passes over the data.
    pub epochs: usize,
    /// Examples in a step.
    pub batch_size: usize,
    /// Parts of a share of a batch.
    pub accumulation_steps: usize,
    /// Shares of a batch, whose gradients are added along one tree.
    #[serde(default = "one", skip_serializing_if = "crate::config::is_one")]
    pub shares: usize,
    /// Share of the steps in which the rate rises.
    pub warmup: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Longest gradient.
    pub max_grad_norm: f64,
    /// Evaluations in an epoch.
    pub evaluations: usize,
    /// Evaluations without a better one that end a seed.
    pub patience: Option<usize>,
    /// So many examples of the training set.
    pub train_rows: Option<usize>,
    /// The numbers that matrix products multiply.
    pub precision: Precision,
    /// How long inputs are.
    pub lengths: Lengths,
    /// Starts and ends that are combined; SQuAD.
    pub n_best: usize,
    /// Longest answer in tokens; SQuAD.
    pub max_answer_len: usize,
    /// Margin of no answer; SQuAD 2.0.
    pub null_threshold: f32,
}

fn one() -> usize {
    1
}

impl Settings {
    /// The settings of these arguments for one task.
    ///
    /// # Errors
    /// If a number makes no training.
    pub fn of(task: Task, args: &FinetuneArgs, pretrained: &Pretrained, data: String) -> Result<Self> {
        let defaults = Defaults::of(task, &pretrained.config, args.optimizer);
        let settings = Self {
            task,
            model: pretrained.name.clone(),
            revision: pretrained.revision.clone(),
            data,
            optimizer: defaults.optimizer,
            lr: args.lr.unwrap_or(defaults.lr),
            epochs: args.epochs.unwrap_or(defaults.epochs),
            batch_size: args.batch_size.unwrap_or(defaults.batch_size),
            accumulation_steps: args.accumulation_steps,
            shares: 1,
            warmup: args.warmup,
            weight_decay: args.weight_decay.unwrap_or(0.01),
            max_grad_norm: args.max_grad_norm.unwrap_or(1.),
            evaluations: args.evaluations,
            patience: args.patience,
            train_rows: args.train_rows,
            precision: args.compute.precision,
            lengths: Lengths::of(task, &args.lengths, &pretrained.config, &pretrained.config_json)?,
            n_best: args.answers.n_best(),
            max_answer_len: args.answers.max_answer_len(),
            null_threshold: args.answers.null_threshold(),
        };
        settings.validate()?;
        for (flag, number) in [("--weight-decay", args.weight_decay), ("--max-grad-norm", args.max_grad_norm)]
        {
            ensure!(
                settings.optimizer != GeneralRule::Spectral || number.is_none(),
                "{flag} means nothing to the rule spectral, which trains {}: leave it out, or name another rule, as --optimizer lamb",
                settings.model
            );
        }
        ensure!(
            settings.optimizer != GeneralRule::Spectral || pretrained.config.model_type == ModelType::Sibert,
            "--optimizer spectral turns encoders whose scale does not matter, and {} is a BERT: use adamw or lamb",
            settings.model
        );
        Ok(settings)
    }

    /// The same with a batch in so many shares, or in those that so many processes take.
    ///
    /// # Errors
    /// If there are more parts than examples in a batch.
    pub fn in_shares(self, shares: Option<usize>, processes: usize) -> Result<Self> {
        let usual = shares_for(processes).min((self.batch_size / self.accumulation_steps).max(1));
        let settings = Self { shares: shares.unwrap_or(usual), ..self };
        settings.validate()?;
        Ok(settings)
    }

    fn validate(&self) -> Result<()> {
        let Self { lr, warmup, weight_decay, max_grad_norm, batch_size, .. } = self;
        let parts = self.accumulation_steps * self.shares;
        ensure!(lr.is_finite() && *lr > 0., "--lr {lr}, expected a finite number above 0");
        match self.optimizer {
            GeneralRule::Spectral => {
                ensure!(*lr < 1., "--lr {lr}, expected an angle below 1 radian for the rule spectral")
            }
            GeneralRule::Lamb | GeneralRule::Adamw => {
                ensure!(*lr < MOST_RATE, "--lr {lr}, expected a number below {MOST_RATE}")
            }
        }
        ensure!((0. ..1.).contains(warmup), "--warmup {warmup}, expected at least 0 and below 1");
        ensure!(
            weight_decay.is_finite() && *weight_decay >= 0.,
            "--weight-decay {weight_decay}, expected 0 or more"
        );
        ensure!(
            max_grad_norm.is_finite() && *max_grad_norm > 0.,
            "--max-grad-norm {max_grad_norm}, expected a positive number"
        );
        ensure!(
            parts <= *batch_size,
            "--accumulation-steps {}{}, expected at most the {batch_size} examples of a batch",
            self.accumulation_steps,
            if self.shares > 1 { format!(" times --shares {}", self.shares) } else { String::new() }
        );
        Ok(())
    }

    /// Examples in a part of a batch.
    pub fn micro_batch_size(&self) -> usize {
        self.batch_size.div_ceil(self.accumulation_steps * self.shares)
    }

    /// How spans are read off the scores.
    pub fn answers(&self) -> AnswerArgs {
        let Self { n_best, max_answer_len, null_threshold, .. } = *self;
        AnswerArgs {
            n_best: Some(n_best),
            max_answer_len: Some(max_answer_len),
            null_threshold: Some(null_threshold),
        }
    }

    /// Names and values, as the model card lists them: without those that mean nothing to the kind of answer or to the rule.
    ///
    /// # Errors
    /// If a number cannot be written as JSON.
    pub fn entries(&self) -> Result<Vec<(String, String)>> {
        let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let value = serde_json::to_value(self).context("the settings")?;
        let entries = value.as_object().into_iter().flatten();
        let mut shown: Vec<(String, String)> = entries
            .filter(|(_, value)| !value.is_null() && !value.is_object())
            .map(|(key, value)| (key.clone(), shown(value)))
            .collect();
        let lengths = value["lengths"].as_object().into_iter().flatten();
        shown.extend(lengths.map(|(key, value)| (key.clone(), value.to_string())));
        let of_rule: &[&str] = match self.optimizer {
            GeneralRule::Spectral => &["weight_decay", "max_grad_norm"],
            GeneralRule::Lamb | GeneralRule::Adamw => &[],
        };
        let idle = [of_rule, answers::of(self.task).idle_settings()].concat();
        shown.retain(|(key, _)| !idle.contains(&key.as_str()));
        Ok(shown)
    }

    /// Refuses to go on with a run of other settings.
    ///
    /// # Errors
    /// Names every setting that differs, with both values.
    pub fn ensure_same(&self, earlier: &Self) -> Result<()> {
        let (now, then) = (serde_json::to_value(self)?, serde_json::to_value(earlier)?);
        let keys = now.as_object().into_iter().flatten();
        let changes: Vec<String> = keys
            .filter(|(key, value)| then.get(key.as_str()) != Some(value))
            .map(|(key, value)| format!("{key} was {}, is {value}", then[key.as_str()]))
            .collect();
        ensure!(
            changes.is_empty(),
            "the run began with other settings: {}: give the same, or start a new run with another --out",
            changes.join("; ")
        );
        Ok(())
    }
}
