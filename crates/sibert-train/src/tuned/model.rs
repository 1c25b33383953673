//! A fine-tuned model as it is opened to be judged or asked.

use anyhow::{Context, Result, ensure};
use candle_core::Device;
use sibert_data::task::{Kind, Labels, Task};
use sibert_model::{FineTuning, HeadKind};
use tokenizers::Tokenizer;

use super::Lengths;
use crate::args::LengthArgs;
use crate::batch::DTYPE;
use crate::pretrained::Pretrained;

/// A model with the head of a task, and what its numbers mean.
pub struct Tuned {
    /// The model.
    pub model: FineTuning,
    /// Its classes beside the task's.
    pub labels: Labels,
    /// The tokenizer of its texts.
    pub tokenizer: Tokenizer,
    /// How long its inputs are.
    pub lengths: Lengths,
}

/// The head that a task needs.
pub fn head_kind(task: Task) -> HeadKind {
    match task.kind() {
        Kind::Classes(names) => HeadKind::Classes(names.len()),
        Kind::Score(_) => HeadKind::Score,
        Kind::Span { .. } => HeadKind::Span,
    }
}

impl Tuned {
    /// Takes encoder and head of `pretrained`; `labels` name its classes where its `config.json` does not.
    ///
    /// # Errors
    /// If it has no head for the task, was made for another one, or its classes have other names than the task's.
    pub fn open(
        pretrained: Pretrained,
        task: Task,
        labels: &[String],
        lengths: &LengthArgs,
        device: &Device,
    ) -> Result<Self> {
        let name = pretrained.name.clone();
        let head = head_kind(task);
        ensure!(
            pretrained.has_head(head),
            "{name}: the model has no head for {task}: fine-tune it first, sibert finetune --task {} --model {name}",
            task.name()
        );
        let labels = match task.kind() {
            Kind::Classes(_) => class_labels(&pretrained, task, labels).with_context(|| name.clone())?,
            _ => Labels::of_task(task),
        };
        let lengths = Lengths::of(task, lengths, &pretrained.config, &pretrained.config_json)?;
        let Pretrained { config, tensors, tokenizer, .. } = pretrained;
        let (model, _) =
            FineTuning::load(&config, head, true, tensors, 0, DTYPE, device).with_context(|| name)?;
        Ok(Self { model, labels, tokenizer, lengths })
    }
}

/// The classes by the names that were given, or else by those of `config.json`.
fn class_labels(pretrained: &Pretrained, task: Task, given: &[String]) -> Result<Labels> {
    let names = if given.is_empty() { pretrained.label_names()? } else { Some(given.to_vec()) };
    let names =
        names.context("config.json has no id2label: name the model's classes in its order with --labels")?;
    Labels::matched(task, &names).with_context(|| if given.is_empty() { "config.json" } else { "--labels" })
}
