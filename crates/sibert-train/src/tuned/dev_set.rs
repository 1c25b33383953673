//! A development set: what is known of it, and a model's outputs judged by it.

use anyhow::{Result, ensure};
use sibert_data::dataset::DataSource;
use sibert_data::task::{Labels, Split, Task};
use tokenizers::Tokenizer;

use super::{Figures, Lengths, figure_names};
use crate::answers::{self, Logits, Outcome, Place, Purpose, Set, Wanted};
use crate::args::AnswerArgs;

/// One set of a task, as inputs of a model and with what is right.
pub struct DevSet {
    /// Which of the task's sets.
    pub split: Split,
    /// The rows.
    pub set: Box<dyn Set>,
    task: Task,
}

/// A set's outputs, judged.
pub struct SetResult {
    /// The answer to each example.
    pub outcome: Outcome,
    /// The figures of the whole set.
    pub figures: Figures,
}

impl DevSet {
    /// The development sets of a task: two for MNLI, else one.
    ///
    /// # Errors
    /// If the data cannot be read, or an example has no label.
    pub fn read(
        task: Task,
        source: &DataSource,
        tokenizer: &Tokenizer,
        lengths: Lengths,
    ) -> Result<Vec<Self>> {
        ensure!(
            task.has(Split::Validation),
            "{task} has no development set with labels, only a test set: see sibert predict"
        );
        let read = |split: Split| {
            let (purpose, place, most) = (Purpose::Judge, Place::Source(source), usize::MAX);
            let wanted = Wanted { split, purpose, place, most, tokenizer, lengths };
            Ok(Self { split, set: answers::of(task).read(&wanted)?, task })
        };
        task.validation_splits().map(read).collect()
    }

    /// Judges a model's outputs for the set's sequences.
    ///
    /// # Errors
    /// If a figure cannot be written.
    pub fn judge(&self, logits: Logits, labels: &Labels, answers: &AnswerArgs) -> Result<SetResult> {
        let (outcome, more) = self.set.judge(logits, labels, answers)?;
        let all: Vec<u32> = (0..self.set.len() as u32).collect();
        let mut figures = Figures::default();
        for (metric, name) in figure_names(self.task, self.split) {
            figures.insert(&name, self.set.figure(metric, &outcome, &all));
        }
        figures.extend(more);
        Ok(SetResult { outcome, figures })
    }
}
