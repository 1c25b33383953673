//! Answers read off a model's logits, as transformers' `utils_qa.py` reads them.
//!
//! The `n_best` highest starts and ends of every window are combined; what is not a span of the context or too long is
//! dropped, and so is a start that another window shows more around (Devlin et al. 2019, run_squad.py). The highest sum
//! of both logits is the answer. Equal texts from different spans stay apart, as in transformers; run_squad.py keeps
//! the first of them.
//!
//! For SQuAD 2.0 no answer has the logits of `[CLS]`, of the window where their sum is lowest: every window has to say
//! that there is none. It is given when `null − (start + end) > null_score_diff_threshold`.

use rayon::prelude::*;

use super::candidates::{Candidate, candidates};
use super::{Answers, ById, Odds, Question, Window};

/// A model's logits for one window.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanLogits {
    /// That the answer begins at each token.
    pub start: Vec<f32>,
    /// That it ends with each token.
    pub end: Vec<f32>,
}

/// How answers are read off logits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AnswerSettings {
    /// Starts and ends of a window that are combined, and candidates that are kept.
    pub n_best: usize,
    /// Longest answer in tokens.
    pub max_answer_len: usize,
    /// How far no answer must be above the best one to win.
    pub null_score_diff_threshold: f32,
    /// Whether a question may have no answer.
    pub unanswerable: bool,
}

/// A model's answers, each in the order of the questions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Predictions {
    /// The answer to each question; empty for none.
    pub answers: Answers,
    /// How far no answer is above the best one; empty if every question has an answer.
    pub null_odds: Odds,
    /// The candidates, best first.
    pub n_best: ById<Vec<Candidate>>,
}

/// The answers to the questions, of which `windows` are, by the logits of each window.
pub fn answers(
    questions: &[Question],
    windows: &[Window],
    logits: &[SpanLogits],
    settings: &AnswerSettings,
) -> Predictions {
    let mut groups = Vec::with_capacity(questions.len());
    let mut rest = logits;
    for windows in windows.chunk_by(|a, b| a.question == b.question) {
        let (logits, others) = rest.split_at(windows.len().min(rest.len()));
        rest = others;
        groups.extend(questions.get(windows[0].question).map(|question| (question, windows, logits)));
    }
    let found =
        groups.par_iter().map(|(question, windows, logits)| answer(question, windows, logits, settings));
    let mut predictions = Predictions::default();
    for ((question, ..), (answer, odds, candidates)) in groups.iter().zip(found.collect::<Vec<_>>()) {
        predictions.answers.insert(question.id.clone(), answer);
        if settings.unanswerable {
            predictions.null_odds.insert(question.id.clone(), odds.into());
        }
        predictions.n_best.insert(question.id.clone(), candidates);
    }
    predictions
}

/// The answer to a question, how far no answer is above the best one, and the candidates.
fn answer(
    question: &Question,
    windows: &[Window],
    logits: &[SpanLogits],
    settings: &AnswerSettings,
) -> (String, f32, Vec<Candidate>) {
    let (candidates, null_score) = candidates(question, windows, logits, settings);
    let best = candidates.iter().find(|candidate| !candidate.text.is_empty());
    let odds = best.map_or(null_score, |best| null_score - best.start_logit - best.end_logit);
    let none = settings.unanswerable && odds > settings.null_score_diff_threshold;
    let text = best.filter(|_| !none).map(|best| best.text.clone()).unwrap_or_default();
    (text, odds, candidates)
}
