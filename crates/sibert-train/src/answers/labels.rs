//! As many of some labels as hold for each text.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use candle_core::Device;
use serde_json::Value;
use sibert_data::examples::Target;
use sibert_data::task::{Labels, Metric, Task};
use sibert_model::{HeadKind, Targets};

use super::report::{self, Report};
use super::texts::{self, Texts};
use super::{Answered, Answers, Logits, Outcome, Set, Wanted, Words};
use crate::args::{AnswerArgs, EvaluateArgs};
use crate::metrics;
use crate::tuned::{Figures, Sequence};

/// A task of several labels.
pub struct Several {
    pub(super) task: Task,
    pub(super) names: &'static [String],
}

impl Answers for Several {
    fn task(&self) -> Task {
        self.task
    }

    fn head(&self) -> HeadKind {
        HeadKind::Labels(self.names.len())
    }

    fn words(&self) -> Words {
        Words {
            problem: Some("multi_label_classification"),
            output: format!("any of {}", self.names.join(", ")),
            ..texts::words()
        }
    }

    fn read(&self, wanted: &Wanted) -> Result<Box<dyn Set>> {
        let texts = Texts::read(self.task, wanted)?;
        let labels = texts.targets.iter().map_while(|target| labels(target.as_ref())).collect();
        Ok(Box::new(Labelled { texts, labels, names: self.names }))
    }

    fn score_file(&self, predictions: &Path, _: &EvaluateArgs) -> Result<Value> {
        bail!(
            "{}: {} has several labels, expected predictions of a task of classes",
            predictions.display(),
            self.task
        )
    }
}

fn labels(target: Option<&Target>) -> Option<Vec<u32>> {
    match target {
        Some(Target::Labels(labels)) => Some(labels.clone()),
        _ => None,
    }
}

/// Texts with their labels, as the task counts them, ascending.
struct Labelled {
    texts: Texts,
    labels: Vec<Vec<u32>>,
    names: &'static [String],
}

impl Set for Labelled {
    fn sequences(&self) -> &[Sequence] {
        &self.texts.sequences
    }

    fn len(&self) -> usize {
        self.texts.sequences.len()
    }

    fn describe(&self) -> String {
        format!("{:?}", self.labels)
    }

    /// One for each label of each text: the mean of transformers.
    fn terms(&self, batch: &[usize]) -> usize {
        batch.len() * self.names.len()
    }

    fn targets(&self, batch: &[usize], labels: &Labels, device: &Device) -> Result<Targets> {
        let count = self.names.len();
        let mut holds = vec![0f32; batch.len() * count];
        for (place, &row) in batch.iter().enumerate() {
            let places = self.labels[row].iter().map(|label| labels.model_class(*label) as usize);
            places.for_each(|label| holds[place * count + label] = 1.);
        }
        Ok(Targets::Labels(cukernel::upload(&holds, (batch.len(), count), device)?))
    }

    fn judge(&self, logits: Logits, labels: &Labels, _: &AnswerArgs) -> Result<(Outcome, Figures)> {
        Ok((Outcome::Labels(predicted(&logits, labels)), Figures::default()))
    }

    fn figure(&self, metric: Metric, outcome: &Outcome, indices: &[u32]) -> f64 {
        let Outcome::Labels(predicted) = outcome else { return f64::NAN };
        let pick = |rows: &[Vec<u32>]| -> Vec<Vec<u32>> {
            indices.iter().map(|&i| rows[i as usize].clone()).collect()
        };
        metrics::of_labels(metric, &pick(predicted), &pick(&self.labels), self.names.len())
    }

    fn report(&self, logits: &Logits, labels: &Labels) -> Option<Report> {
        let counts = metrics::label_counts(&predicted(logits, labels), &self.labels, self.names.len());
        Some(report::of_classes(self.names, &counts, None))
    }

    fn answered(&self, logits: &Logits, labels: &Labels) -> Result<Answered> {
        let name = |label: &u32| self.names[*label as usize].clone();
        let found = predicted(logits, labels);
        let found = found.iter().map(|found| found.iter().map(name).collect::<Vec<_>>().into());
        let shares = logits.iter().map(|row| row.iter().map(|logit| sigmoid(*logit)).collect::<Vec<f64>>());
        Ok(Answered::of_names("labels", found, labels.names(), shares))
    }

    fn write(&self, logits: Logits, labels: &Labels, _: &AnswerArgs, out: &Path) -> Result<Vec<PathBuf>> {
        self.answered(&logits, labels)?.write(self.texts.task, out)
    }
}

/// The labels of each text that are likelier than not, as the task counts them, ascending.
fn predicted(logits: &Logits, labels: &Labels) -> Vec<Vec<u32>> {
    let of_row = |row: &Vec<f32>| {
        let held = row.iter().enumerate().filter(|(_, logit)| **logit > 0.);
        let mut held: Vec<u32> = held.map(|(place, _)| labels.task_class(place)).collect();
        held.sort_unstable();
        held
    };
    logits.iter().map(of_row).collect()
}

fn sigmoid(logit: f32) -> f64 {
    1. / (1. + (-f64::from(logit)).exp())
}
