//! Exact match and F1 of SQuAD, as the official scripts `evaluate-v1.1.py` and `evaluate-v2.0.py` compute them.
//!
//! Answers are compared once normalised, see [`text`]. A question's score is that of the right answer it is nearest to.
//! The two versions differ in two things: a question without a prediction scores 0 by 1.1 and is not counted by 2.0,
//! and an answer of no words has an F1 of 0 by 1.1, by 2.0 of 1 beside another such answer.

#[cfg(test)]
mod real;
#[cfg(test)]
mod tests;
mod text;
mod threshold;
mod v2;

use rayon::prelude::*;
use serde::Serialize;
use sibert_data::squad::{Answers, Question};

use crate::console::note;
use text::{f1, normalized};

pub use v2::score_v2;

/// The figures of SQuAD 1.1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ScoreV1 {
    /// Share of answers that equal a right one, in percent.
    pub exact_match: f64,
    /// Mean F1 of words, in percent.
    pub f1: f64,
    /// How many questions there are.
    pub total: usize,
}

/// Exact match and F1 of one question, from 0 to 1.
type Scores = (f64, f64);

/// Scores answers by the rules of SQuAD 1.1.
pub fn score_v1(questions: &[Question], answers: &Answers) -> ScoreV1 {
    note_missing(questions, answers, "they score 0");
    let unanswerable = questions.iter().filter(|question| question.answers.is_empty()).count();
    if unanswerable > 0 {
        note(format!(
            "{unanswerable} questions have no right answer and score 0: is it SQuAD 2.0? (--task squad_v2)"
        ));
    }
    let scores = each(questions, answers, of_v1);
    ScoreV1 {
        exact_match: percent(scores.iter().map(|score| score.0).sum(), scores.len()),
        f1: percent(scores.iter().map(|score| score.1).sum(), scores.len()),
        total: scores.len(),
    }
}

/// Exact match and F1 of each question from 0 to 1, by the rules of SQuAD 2.0 if one of them has no answer; a question
/// without a prediction scores 0.
pub fn per_question(questions: &[Question], answers: &Answers) -> Vec<(f64, f64)> {
    let second = questions.iter().any(|question| question.impossible);
    each(questions, answers, if second { v2::of_v2 } else { of_v1 })
}

fn each(questions: &[Question], answers: &Answers, score: fn(&Question, &str) -> Scores) -> Vec<Scores> {
    let one =
        |question: &Question| answers.get(&question.id).map_or((0., 0.), |answer| score(question, answer));
    questions.par_iter().map(one).collect()
}

fn of_v1(question: &Question, predicted: &str) -> Scores {
    let predicted = normalized(predicted);
    let right = question.answers.iter().map(|answer| normalized(&answer.text));
    highest(right.map(|right| (exact(&predicted, &right), f1(&predicted, &right))))
}

/// The highest exact match and the highest F1, which may be of different answers.
fn highest(scores: impl Iterator<Item = Scores>) -> Scores {
    scores.fold((0., 0.), |best: Scores, score| (best.0.max(score.0), best.1.max(score.1)))
}

fn exact(predicted: &str, right: &str) -> f64 {
    f64::from(u8::from(predicted == right))
}

/// A mean in percent; 0 of nothing.
fn percent(sum: f64, total: usize) -> f64 {
    if total == 0 { 0. } else { 100. * sum / total as f64 }
}

/// Says which questions have no prediction, and how many predictions have no question.
fn note_missing(questions: &[Question], answers: &Answers, consequence: &str) {
    let missing: Vec<&Question> =
        questions.iter().filter(|question| !answers.contains_key(&question.id)).collect();
    if let [first, ..] = missing[..] {
        let (count, total) = (missing.len(), questions.len());
        note(format!(
            "{count} of {total} questions have no prediction: {consequence}; the first is {}",
            first.id
        ));
    }
    let unknown = answers.len().saturating_sub(questions.len() - missing.len());
    if unknown > 0 {
        note(format!("{unknown} predictions are for no question of the set: they are ignored"));
    }
}
