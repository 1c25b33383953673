//! A number for each text.

use std::path::{Path, PathBuf};

use anyhow::Result;
use candle_core::Device;
use serde_json::Value;
use sibert_data::examples::Target;
use sibert_data::task::{Labels, Metric, Range, Task};
use sibert_model::{HeadKind, Targets};

use super::texts::{self, Texts};
use super::{Answered, Answers, Logits, Outcome, Set, Wanted, Words};
use crate::args::{AnswerArgs, EvaluateArgs};
use crate::metrics;
use crate::submission::{self, Prediction};
use crate::tuned::{Figures, Sequence};

/// A task of numbers.
pub struct Score {
    pub(super) task: Task,
    pub(super) range: Range,
}

impl Answers for Score {
    fn task(&self) -> Task {
        self.task
    }

    fn head(&self) -> HeadKind {
        HeadKind::Score
    }

    fn words(&self) -> Words {
        let output = self.range.to_string().replacen("number", "score", 1);
        Words { problem: Some("regression"), output, ..texts::words() }
    }

    fn read(&self, wanted: &Wanted) -> Result<Box<dyn Set>> {
        let texts = Texts::read(self.task, wanted)?;
        let scores = texts.targets.iter().map_while(|target| score(target.as_ref())).collect();
        Ok(Box::new(Scored { texts, scores, range: self.range }))
    }

    fn score_file(&self, predictions: &Path, args: &EvaluateArgs) -> Result<Value> {
        texts::score_file(self.task, predictions, texts::dataset(args)?, |metric, predicted, examples| {
            let predicted: Vec<f32> = predicted.iter().filter_map(predicted_score).collect();
            let actual: Vec<f32> =
                examples.iter().filter_map(|example| score(example.target.as_ref())).collect();
            metrics::of_scores(metric, &predicted, &actual)
        })
    }
}

fn score(target: Option<&Target>) -> Option<f32> {
    match target {
        Some(Target::Score(score)) => Some(*score),
        _ => None,
    }
}

fn predicted_score(prediction: &Prediction) -> Option<f32> {
    match prediction {
        Prediction::Score(score) => Some(*score),
        Prediction::Class(_) => None,
    }
}

/// Texts with a number each.
struct Scored {
    texts: Texts,
    scores: Vec<f32>,
    range: Range,
}

impl Set for Scored {
    fn sequences(&self) -> &[Sequence] {
        &self.texts.sequences
    }

    fn len(&self) -> usize {
        self.texts.sequences.len()
    }

    fn describe(&self) -> String {
        format!("{:?}", self.scores)
    }

    fn targets(&self, batch: &[usize], _: &Labels, device: &Device) -> Result<Targets> {
        let scores: Vec<f32> = batch.iter().map(|&row| self.scores[row]).collect();
        Ok(Targets::Scores(cukernel::upload(&scores, scores.len(), device)?))
    }

    fn judge(&self, logits: Logits, _: &Labels, _: &AnswerArgs) -> Result<(Outcome, Figures)> {
        Ok((Outcome::Scores(predicted(logits)), Figures::default()))
    }

    fn figure(&self, metric: Metric, outcome: &Outcome, indices: &[u32]) -> f64 {
        let Outcome::Scores(predicted) = outcome else { return f64::NAN };
        let pick = |values: &[f32]| -> Vec<f32> { indices.iter().map(|&i| values[i as usize]).collect() };
        metrics::of_scores(metric, &pick(predicted), &pick(&self.scores))
    }

    fn answered(&self, logits: &Logits, _: &Labels) -> Result<Answered> {
        let digits = |score: f32| (f64::from(self.range.clamp(score)) * 1e6).round() / 1e6;
        let rows = logits.iter().map(|row| vec![Value::from(digits(row[0]))]);
        Ok(Answered { columns: vec!["score".into()], rows: rows.collect() })
    }

    fn write(&self, logits: Logits, _: &Labels, _: &AnswerArgs, out: &Path) -> Result<Vec<PathBuf>> {
        let predictions: Vec<Prediction> = predicted(logits).into_iter().map(Prediction::Score).collect();
        Ok(vec![submission::write(out, self.texts.task, self.texts.split, &predictions)?])
    }
}

/// The number of each text, as it was trained: of a task with a range also a little beyond.
fn predicted(logits: Logits) -> Vec<f32> {
    logits.into_iter().map(|row| row[0]).collect()
}
