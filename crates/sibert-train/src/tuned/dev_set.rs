//! A development set: what is known of it, and a model's outputs judged by it.

use anyhow::{Result, bail, ensure};
use serde::{Deserialize, Serialize};
use sibert_data::dataset::DataSource;
use sibert_data::examples::{self, Example, Target};
use sibert_data::squad::{self, AnswerSettings, Predictions, Question, Window};
use sibert_data::task::{Metric, Split, Task};
use tokenizers::Tokenizer;

use super::{Encoded, Figures, Lengths, Outputs, Sequence, encode, figure_names, warn_of_unknown};
use crate::console::note;
use crate::metrics::{self, squad as squad_metrics};

/// One set of a task, as inputs of a model and with what is right.
pub struct DevSet {
    /// Which of the task's sets.
    pub split: Split,
    /// The inputs; of SQuAD, the windows of all questions.
    pub sequences: Vec<Sequence>,
    task: Task,
    actual: Actual,
}

enum Actual {
    Classes(Vec<u32>),
    Scores(Vec<f32>),
    Questions { questions: Vec<Question>, windows: Vec<Window> },
}

/// A model's answers to each example of a set, as far as figures need them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Classes of the task.
    Classes(Vec<u32>),
    /// Scores.
    Scores(Vec<f32>),
    /// Exact match and F1 of each question, from 0 to 1.
    Questions(Vec<(f64, f64)>),
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
        if task.is_squad() {
            let questions = squad::read(task, false, source, &note)?;
            return Ok(vec![Self::of_questions(task, questions, tokenizer, lengths)?]);
        }
        ensure!(
            task.has(Split::Validation),
            "{task} has no development set with labels, only a test set: see sibert predict"
        );
        let read = |split: Split| {
            let examples = examples::read(task, split, source, &note)?;
            Self::of_examples(task, split, &examples, tokenizer, lengths)
        };
        task.validation_splits().map(read).collect()
    }

    /// The questions of SQuAD, looked at through windows.
    ///
    /// # Errors
    /// If a question does not fit a window.
    pub fn of_questions(
        task: Task,
        questions: Vec<Question>,
        tokenizer: &Tokenizer,
        lengths: Lengths,
    ) -> Result<Self> {
        let windows = squad::windows(&questions, tokenizer, &lengths.windows(), &note)?;
        let sequences: Vec<Sequence> = windows.iter().cloned().map(Sequence::from).collect();
        warn_of_unknown(&format!("{task}, questions to answer"), &sequences, tokenizer)?;
        Ok(Self {
            split: Split::Validation,
            sequences,
            task,
            actual: Actual::Questions { questions, windows },
        })
    }

    fn of_examples(
        task: Task,
        split: Split,
        examples: &[Example],
        tokenizer: &Tokenizer,
        lengths: Lengths,
    ) -> Result<Self> {
        let Encoded { sequences, cut } = encode(examples, tokenizer, lengths.max_seq_len)?;
        if cut > 0 {
            note(format!(
                "{task}: {cut} of {} examples to evaluate on are cut to {} tokens",
                examples.len(),
                lengths.max_seq_len
            ));
        }
        warn_of_unknown(&format!("{task}, examples to evaluate on"), &sequences, tokenizer)?;
        Ok(Self { split, sequences, task, actual: Actual::of(task, examples)? })
    }

    /// All that its figures depend on, in parts, for a digest.
    pub fn describe(&self, mut part: impl FnMut(String)) {
        self.sequences.iter().for_each(|sequence| part(format!("{sequence:?}\n")));
        match &self.actual {
            Actual::Classes(classes) => part(format!("{classes:?}\n")),
            Actual::Scores(scores) => part(format!("{scores:?}\n")),
            Actual::Questions { questions, .. } => {
                questions.iter().for_each(|question| part(format!("{question:?}\n")));
            }
        }
    }

    /// How many examples it has; of SQuAD questions.
    pub fn len(&self) -> usize {
        match &self.actual {
            Actual::Classes(classes) => classes.len(),
            Actual::Scores(scores) => scores.len(),
            Actual::Questions { questions, .. } => questions.len(),
        }
    }

    /// Judges a model's outputs for [`DevSet::sequences`].
    ///
    /// # Errors
    /// If the outputs are of another task.
    pub fn judge(&self, outputs: Outputs, settings: &AnswerSettings) -> Result<SetResult> {
        let mut answers = None;
        let outcome = match (outputs, &self.actual) {
            (Outputs::Classes(classes), Actual::Classes(_)) => Outcome::Classes(classes),
            (Outputs::Scores(scores), Actual::Scores(_)) => Outcome::Scores(scores),
            (Outputs::Spans(logits), Actual::Questions { questions, windows }) => {
                let found = squad::answers(questions, windows, &logits, settings);
                let scores = squad_metrics::per_question(questions, &found.answers);
                answers = Some(found);
                Outcome::Questions(scores)
            }
            _ => bail!("the model's head is not one for {}", self.task),
        };
        let all: Vec<u32> = (0..self.len() as u32).collect();
        let mut figures = Figures::default();
        for (metric, name) in figure_names(self.task, self.split) {
            figures.insert(&name, self.figure(metric, &outcome, &all));
        }
        if let (Some(answers), Actual::Questions { questions, .. }) = (&answers, &self.actual)
            && settings.unanswerable
        {
            figures.extend(official(questions, answers)?);
        }
        Ok(SetResult { outcome, figures })
    }

    /// One figure on the examples `indices`, which may repeat.
    pub fn figure(&self, metric: Metric, outcome: &Outcome, indices: &[u32]) -> f64 {
        let pick = |values: &[u32]| -> Vec<u32> { indices.iter().map(|&i| values[i as usize]).collect() };
        let pick_scores =
            |values: &[f32]| -> Vec<f32> { indices.iter().map(|&i| values[i as usize]).collect() };
        match (outcome, &self.actual) {
            (Outcome::Classes(predicted), Actual::Classes(actual)) => {
                metrics::of_classes(metric, &pick(predicted), &pick(actual))
            }
            (Outcome::Scores(predicted), Actual::Scores(actual)) => {
                metrics::of_scores(metric, &pick_scores(predicted), &pick_scores(actual))
            }
            (Outcome::Questions(scores), _) => {
                let score = |(exact, f1): (f64, f64)| if metric == Metric::F1 { f1 } else { exact };
                let sum: f64 = indices.iter().map(|&i| score(scores[i as usize])).sum();
                100. * sum / indices.len() as f64
            }
            _ => f64::NAN,
        }
    }
}

impl Actual {
    fn of(task: Task, examples: &[Example]) -> Result<Self> {
        let (mut classes, mut scores) = (Vec::new(), Vec::new());
        for (index, example) in examples.iter().enumerate() {
            match example.target {
                Some(Target::Class(class)) => classes.push(class),
                Some(Target::Score(score)) => scores.push(score),
                None => bail!("{task}: example {index} of the development set has no label"),
            }
        }
        Ok(if task.is_of_scores() { Self::Scores(scores) } else { Self::Classes(classes) })
    }
}

/// The figures of SQuAD 2.0's official script, the best thresholds among them.
fn official(questions: &[Question], answers: &Predictions) -> Result<Figures> {
    let score = squad_metrics::score_v2(questions, &answers.answers, Some(&answers.null_odds), f64::INFINITY);
    let mut figures = Figures::default();
    if let serde_json::Value::Object(entries) = serde_json::to_value(score)? {
        for (name, value) in &entries {
            figures.insert(name, value.as_f64().unwrap_or(f64::NAN));
        }
    }
    Ok(figures)
}
