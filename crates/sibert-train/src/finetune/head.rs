//! The head of a run, and the files that say what its numbers mean.

use anyhow::{Context, Result};
use serde_json::Value;
use sibert_data::task::{Labels, Task};
use sibert_data::tokenizer;
use sibert_model::HeadKind;

use super::settings::Settings;
use crate::answers::{self, Words};
use crate::console::note;
use crate::pretrained::{Pretrained, TASK};

/// The head that is trained.
pub struct Head {
    /// The kind of its output.
    pub kind: HeadKind,
    /// Whether it is the model's own, of an earlier fine-tuning.
    pub kept: bool,
    /// Its classes in the model's order.
    pub labels: Labels,
}

/// The texts beside the weights of the fine-tuned model.
pub struct ModelFiles {
    /// `config.json`.
    pub config: String,
    /// `tokenizer.json`.
    pub tokenizer: String,
    /// `tokenizer_config.json`.
    pub tokenizer_config: String,
}

impl Head {
    /// The model's own head if it was made for the task, else a new one.
    ///
    /// # Errors
    /// If its own head's labels are not the task's.
    pub fn of(pretrained: &Pretrained, task: Task) -> Result<Self> {
        let (name, kind) = (&pretrained.name, answers::of(task).head());
        if pretrained.task() == Some(task) && pretrained.has_head(kind) {
            note(format!("{name}: fine-tuned for {task} already; its head is trained on"));
            let names = pretrained.label_names()?.unwrap_or_default();
            let labels = match task.class_names() {
                [] => Labels::of_task(task),
                _ => Labels::matched(task, &names).with_context(|| format!("{name}: config.json"))?,
            };
            return Ok(Self { kind, kept: true, labels });
        }
        if let Some(other) = pretrained.task() {
            note(format!("{name}: fine-tuned for {other}; its head is replaced by a new one for {task}"));
        }
        Ok(Self { kind, kept: false, labels: Labels::of_task(task) })
    }
}

impl ModelFiles {
    /// The pretrained model's, with what the task adds.
    ///
    /// # Errors
    /// If the tokenizer or the configuration cannot be written.
    pub fn of(pretrained: &Pretrained, settings: &Settings, labels: &Labels) -> Result<Self> {
        let longest = pretrained.config.max_position_embeddings;
        let tokenizer_config = match &pretrained.tokenizer_config_json {
            Some(text) => text.clone(),
            None => tokenizer::config_json(&pretrained.tokenizer, longest)?,
        };
        Ok(Self {
            config: config_json(pretrained, settings, labels)?,
            tokenizer: pretrained.tokenizer.to_string(true).map_err(anyhow::Error::msg)?,
            tokenizer_config,
        })
    }
}

/// The pretrained `config.json` with what the task adds: the architecture with its head, labels, lengths.
fn config_json(pretrained: &Pretrained, settings: &Settings, labels: &Labels) -> Result<String> {
    let task = settings.task;
    let own: Value = serde_json::from_str(&pretrained.config.to_json()?)?;
    let mut config = own.as_object().cloned().unwrap_or_default();
    let family = if config.get("model_type").is_some_and(|kind| kind == "bert") { "Bert" } else { "Sibert" };
    let Words { class, problem, .. } = answers::of(task).words();
    config.insert("architectures".into(), Value::from(vec![format!("{family}{class}")]));
    config.insert("finetuning_task".into(), task.name().into());
    if !task.is_built_in() {
        config.insert(TASK.into(), serde_json::to_value(task)?);
    }
    if let Some(problem) = problem {
        config.insert("problem_type".into(), problem.into());
    }
    if !labels.names().is_empty() {
        config.extend(labels.to_json());
    }
    let (key, lengths) = settings.lengths.to_json(task);
    config.insert(key, lengths);
    Ok(serde_json::to_string_pretty(&config)? + "\n")
}
