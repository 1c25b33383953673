//! A fine-tuned model as it is opened to be judged or asked.

use anyhow::{Context, Result, ensure};
use candle_core::Device;
use sibert_data::task::{Labels, Task};
use sibert_model::FineTuning;
use tokenizers::Tokenizer;

use super::{Lengths, Sequence};
use crate::answers::{self, Logits};
use crate::args::{AskArgs, LengthArgs};
use crate::batch::DTYPE;
use crate::pretrained::Pretrained;
use crate::team::Team;

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
        let head = answers::of(task).head();
        ensure!(
            pretrained.has_head(head),
            "{name}: the model has no head for {task}: fine-tune it first, sibert finetune --task {} --model {name}",
            task.name()
        );
        let labels = match task.class_names() {
            [] => Labels::of_task(task),
            _ => class_labels(&pretrained, task, labels).with_context(|| name.clone())?,
        };
        let lengths = Lengths::of(task, lengths, &pretrained.config, &pretrained.config_json)?;
        let Pretrained { config, tensors, tokenizer, .. } = pretrained;
        let (model, _) =
            FineTuning::load(&config, head, true, tensors, 0, DTYPE, device).with_context(|| name)?;
        Ok(Self { model, labels, tokenizer, lengths })
    }
}

impl Tuned {
    /// What it says to each sequence.
    ///
    /// # Errors
    /// As [`super::logits`].
    pub fn logits(&self, sequences: &[Sequence], ask: &AskArgs, device: &Device) -> Result<Logits> {
        super::logits(&self.model, sequences, ask.batch_size, ask.compute.precision, device, &Team::alone())
    }
}

/// The classes by the names that were given, or else by those of `config.json`.
fn class_labels(pretrained: &Pretrained, task: Task, given: &[String]) -> Result<Labels> {
    let names = if given.is_empty() { pretrained.label_names()? } else { Some(given.to_vec()) };
    let names =
        names.context("config.json has no id2label: name the model's classes in its order with --labels")?;
    Labels::matched(task, &names).with_context(|| if given.is_empty() { "config.json" } else { "--labels" })
}
