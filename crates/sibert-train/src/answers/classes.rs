//! One of some classes for each text.

use std::path::{Path, PathBuf};

use anyhow::Result;
use candle_core::{Device, Tensor};
use serde_json::Value;
use sibert_data::examples::{Example, Target};
use sibert_data::task::{Labels, Metric, Task};
use sibert_model::{HeadKind, Targets};

use super::report::{self, Report};
use super::texts::{self, Texts};
use super::{Answered, Answers, Logits, Outcome, Set, Wanted, Words};
use crate::args::{AnswerArgs, EvaluateArgs};
use crate::metrics;
use crate::submission::{self, Prediction};
use crate::tuned::{Figures, Sequence};

/// A task of classes.
pub struct Classes {
    pub(super) task: Task,
    pub(super) names: &'static [String],
}

impl Answers for Classes {
    fn task(&self) -> Task {
        self.task
    }

    fn head(&self) -> HeadKind {
        HeadKind::Classes(self.names.len())
    }

    fn words(&self) -> Words {
        Words { output: self.names.join(", "), ..texts::words() }
    }

    fn read(&self, wanted: &Wanted) -> Result<Box<dyn Set>> {
        let texts = Texts::read(self.task, wanted)?;
        let classes = texts.targets.iter().map_while(|target| class(target.as_ref())).collect();
        Ok(Box::new(Classified { texts, classes, names: self.names }))
    }

    fn score_file(&self, predictions: &Path, args: &EvaluateArgs) -> Result<Value> {
        texts::score_file(self.task, predictions, texts::dataset(args)?, |metric, predicted, examples| {
            let predicted: Vec<u32> = predicted.iter().filter_map(predicted_class).collect();
            let actual = |example: &Example| class(example.target.as_ref());
            metrics::of_classes(metric, &predicted, &examples.iter().filter_map(actual).collect::<Vec<_>>())
        })
    }
}

fn class(target: Option<&Target>) -> Option<u32> {
    match target {
        Some(Target::Class(class)) => Some(*class),
        _ => None,
    }
}

fn predicted_class(prediction: &Prediction) -> Option<u32> {
    match prediction {
        Prediction::Class(class) => Some(*class),
        Prediction::Score(_) => None,
    }
}

/// Texts with a class each, as the task counts them.
struct Classified {
    texts: Texts,
    classes: Vec<u32>,
    names: &'static [String],
}

impl Set for Classified {
    fn sequences(&self) -> &[Sequence] {
        &self.texts.sequences
    }

    fn len(&self) -> usize {
        self.texts.sequences.len()
    }

    fn describe(&self) -> String {
        format!("{:?}", self.classes)
    }

    fn targets(&self, batch: &[usize], labels: &Labels, _: &Device) -> Result<Targets> {
        let classes = batch.iter().map(|&row| labels.model_class(self.classes[row]));
        Ok(Targets::Classes(Tensor::from_iter(classes, &Device::Cpu)?))
    }

    fn judge(&self, logits: Logits, labels: &Labels, _: &AnswerArgs) -> Result<(Outcome, Figures)> {
        Ok((Outcome::Classes(predicted(&logits, labels)), Figures::default()))
    }

    fn figure(&self, metric: Metric, outcome: &Outcome, indices: &[u32]) -> f64 {
        let Outcome::Classes(predicted) = outcome else { return f64::NAN };
        let pick = |values: &[u32]| -> Vec<u32> { indices.iter().map(|&i| values[i as usize]).collect() };
        metrics::of_classes(metric, &pick(predicted), &pick(&self.classes))
    }

    fn report(&self, logits: &Logits, labels: &Labels) -> Option<Report> {
        Some(report::of_predictions(self.names, &predicted(logits, labels), &self.classes))
    }

    fn answered(&self, logits: &Logits, labels: &Labels) -> Result<Answered> {
        let found =
            predicted(logits, labels).into_iter().map(|class| self.names[class as usize].clone().into());
        Ok(Answered::of_names("label", found, labels.names(), logits.iter().map(|row| shares(row))))
    }

    fn write(&self, logits: Logits, labels: &Labels, _: &AnswerArgs, out: &Path) -> Result<Vec<PathBuf>> {
        let predictions: Vec<Prediction> =
            predicted(&logits, labels).into_iter().map(Prediction::Class).collect();
        Ok(vec![submission::write(out, self.texts.task, self.texts.split, &predictions)?])
    }
}

/// The likeliest class of each text, as the task counts them.
fn predicted(logits: &Logits, labels: &Labels) -> Vec<u32> {
    logits.iter().map(|row| labels.task_class(super::largest(row))).collect()
}

/// The probability of each class, by softmax.
fn shares(row: &[f32]) -> Vec<f64> {
    let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = row.iter().map(|logit| f64::from(logit - most).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}
