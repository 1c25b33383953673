//! Words of a context as the answer to a question: SQuAD.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use candle_core::{Device, Tensor};
use serde_json::Value;
use sibert_data::dataset::DataSource;
use sibert_data::squad::{self, AnswerSettings, Predictions, Question, SpanLogits, Window};
use sibert_data::task::{Labels, Metric, Split, Task};
use sibert_model::{HeadKind, Targets};

use super::{Answered, Answers, Logits, Outcome, Place, Purpose, Set, Usual, Wanted, Words, texts};
use crate::args::{AnswerArgs, EvaluateArgs};
use crate::console::note;
use crate::metrics::squad as metrics;
use crate::tuned::{Figures, Sequence, warn_of_unknown};

/// A task of spans.
pub struct Spans {
    pub(super) task: Task,
    pub(super) unanswerable: bool,
}

impl Answers for Spans {
    fn task(&self) -> Task {
        self.task
    }

    fn head(&self) -> HeadKind {
        HeadKind::Span
    }

    fn words(&self) -> Words {
        let output =
            if self.unanswerable { "a span of the context, or none" } else { "a span of the context" };
        Words {
            class: "ForQuestionAnswering",
            problem: None,
            pipeline: ("question-answering", "Question Answering"),
            family: "squad",
            output: output.into(),
            limit: "A context is read through windows. An answer that fits in no window is not found.",
        }
    }

    /// run_squad.py of google-research/bert.
    fn usual(&self) -> Usual {
        Usual { max_seq_len: 384, batch_size: 12, large_lr: 3e-5, epochs: [2, 3], by_angles: false }
    }

    fn deciding(&self) -> Vec<Metric> {
        vec![Metric::F1]
    }

    /// Its figures are percents already.
    fn scale(&self) -> f64 {
        1.
    }

    fn idle_settings(&self) -> &'static [&'static str] {
        &[]
    }

    fn check(&self, source: &DataSource) -> Result<()> {
        squad::read(self.task, true, source, &note)?;
        squad::read(self.task, false, source, &note).map(drop)
    }

    fn asked(&self) -> Result<Vec<Split>> {
        Ok(vec![Split::Validation])
    }

    fn read(&self, wanted: &Wanted) -> Result<Box<dyn Set>> {
        let task = self.task;
        let mut questions = match (wanted.place, wanted.purpose) {
            (Place::Table(table), _) => {
                bail!(
                    "{}: {task} takes questions about contexts: name their file with --questions",
                    table.file
                )
            }
            (Place::Questions(file), _) => squad::read_file_unanswered(file, &note),
            (Place::Source(source), Purpose::Answer) => squad::read_unanswered(task, source, &note),
            (Place::Source(source), purpose) => squad::read(task, purpose == Purpose::Train, source, &note),
        }?;
        questions.truncate(wanted.most);
        let windows = squad::windows(&questions, wanted.tokenizer, &wanted.lengths.windows(), &note)?;
        let sequences: Vec<Sequence> = windows.iter().cloned().map(Sequence::from).collect();
        let what = if wanted.purpose == Purpose::Train { "to train on" } else { "to answer" };
        warn_of_unknown(&format!("{task}, questions {what}"), &sequences, wanted.tokenizer)?;
        Ok(Box::new(Asked { questions, windows, sequences, unanswerable: self.unanswerable }))
    }

    fn score_file(&self, predictions: &Path, args: &EvaluateArgs) -> Result<Value> {
        score_file(Some(self.unanswerable), predictions, args)
    }
}

/// The figures of SQuAD's official scripts: of version 2.0 if a question may have no answer. Where that is not said, the
/// questions tell, or that there is a file for it.
///
/// # Errors
/// If a file cannot be read.
pub fn score_file(unanswerable: Option<bool>, predictions: &Path, args: &EvaluateArgs) -> Result<Value> {
    let questions: Vec<Question> = squad::read_file(texts::dataset(args)?, &note)?;
    let answers = squad::read_predictions(predictions)?;
    let told = || questions.iter().any(|question| question.impossible) || args.na_prob_file.is_some();
    if !unanswerable.unwrap_or_else(told) {
        return Ok(serde_json::to_value(metrics::score_v1(&questions, &answers))?);
    }
    let odds = args.na_prob_file.as_deref().map(squad::read_na_probs).transpose()?;
    Ok(serde_json::to_value(metrics::score_v2(&questions, &answers, odds.as_ref(), args.na_prob_thresh))?)
}

/// Questions, looked at through windows.
struct Asked {
    questions: Vec<Question>,
    windows: Vec<Window>,
    sequences: Vec<Sequence>,
    unanswerable: bool,
}

impl Asked {
    fn answers(&self, logits: Logits, args: &AnswerArgs) -> Result<Predictions> {
        ensure!(
            logits.len() == self.windows.len(),
            "{} outputs of {} windows",
            logits.len(),
            self.windows.len()
        );
        let every_other = |row: &[f32], first: usize| row.iter().skip(first).step_by(2).copied().collect();
        let span = |row: Vec<f32>| SpanLogits { start: every_other(&row, 0), end: every_other(&row, 1) };
        let logits: Vec<SpanLogits> = logits.into_iter().map(span).collect();
        let settings = AnswerSettings {
            n_best: args.n_best(),
            max_answer_len: args.max_answer_len(),
            null_score_diff_threshold: args.null_threshold(),
            unanswerable: self.unanswerable,
        };
        Ok(squad::answers(&self.questions, &self.windows, &logits, &settings))
    }
}

impl Set for Asked {
    fn sequences(&self) -> &[Sequence] {
        &self.sequences
    }

    fn len(&self) -> usize {
        self.questions.len()
    }

    fn describe(&self) -> String {
        format!("{:?}", self.questions)
    }

    fn targets(&self, batch: &[usize], _: &Labels, _: &Device) -> Result<Targets> {
        let spans = || batch.iter().map(|&row| self.windows[row].span);
        Ok(Targets::Spans {
            starts: Tensor::from_iter(spans().map(|span| span.0), &Device::Cpu)?,
            ends: Tensor::from_iter(spans().map(|span| span.1), &Device::Cpu)?,
        })
    }

    fn judge(&self, logits: Logits, _: &Labels, args: &AnswerArgs) -> Result<(Outcome, Figures)> {
        let found = self.answers(logits, args)?;
        let scores = metrics::per_question(&self.questions, &found.answers);
        let mut figures = Figures::default();
        if self.unanswerable {
            official(&self.questions, &found, &mut figures)?;
        }
        Ok((Outcome::Questions(scores), figures))
    }

    fn figure(&self, metric: Metric, outcome: &Outcome, indices: &[u32]) -> f64 {
        let Outcome::Questions(scores) = outcome else { return f64::NAN };
        let score = |(exact, f1): (f64, f64)| if metric == Metric::F1 { f1 } else { exact };
        let sum: f64 = indices.iter().map(|&i| score(scores[i as usize])).sum();
        100. * sum / indices.len() as f64
    }

    fn answered(&self, _: &Logits, _: &Labels) -> Result<Answered> {
        bail!("answers that are words of a context are written for --questions FILE, not beside a table")
    }

    fn write(&self, logits: Logits, _: &Labels, args: &AnswerArgs, out: &Path) -> Result<Vec<PathBuf>> {
        squad::write(out, &self.answers(logits, args)?)
    }
}

/// The figures of SQuAD 2.0's official script, the best thresholds among them.
fn official(questions: &[Question], found: &Predictions, figures: &mut Figures) -> Result<()> {
    let score = metrics::score_v2(questions, &found.answers, Some(&found.null_odds), f64::INFINITY);
    if let Value::Object(entries) = serde_json::to_value(score)? {
        for (name, value) in &entries {
            figures.insert(name, value.as_f64().unwrap_or(f64::NAN));
        }
    }
    Ok(())
}
