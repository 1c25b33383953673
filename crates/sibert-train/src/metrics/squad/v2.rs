//! The figures of SQuAD 2.0, where a question may have no answer.

use rayon::prelude::*;
use serde::Serialize;
use sibert_data::squad::{Answers, Odds, Question};

use super::text::{f1, normalized};
use super::threshold::best;
use super::{Scores, exact, highest, note_missing, percent};
use crate::console::note;

/// The figures of SQuAD 2.0; as JSON they have the names of the official script.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoreV2 {
    /// Share of answers that equal a right one, in percent.
    pub exact: f64,
    /// Mean F1 of words, in percent.
    pub f1: f64,
    /// How many questions are scored.
    pub total: usize,
    /// Of the questions that have an answer, if there are any.
    #[serde(flatten)]
    pub has_ans: Option<HasAns>,
    /// Of the questions that have none, if there are any.
    #[serde(flatten)]
    pub no_ans: Option<NoAns>,
    /// By the best threshold, if it is known how likely each question has no answer.
    #[serde(flatten)]
    pub best: Option<Best>,
}

/// The figures of the questions that have an answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HasAns {
    /// Exact match in percent.
    #[serde(rename = "HasAns_exact")]
    pub exact: f64,
    /// F1 in percent.
    #[serde(rename = "HasAns_f1")]
    pub f1: f64,
    /// How many they are.
    #[serde(rename = "HasAns_total")]
    pub total: usize,
}

/// The figures of the questions that have no answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NoAns {
    /// Exact match in percent.
    #[serde(rename = "NoAns_exact")]
    pub exact: f64,
    /// F1 in percent.
    #[serde(rename = "NoAns_f1")]
    pub f1: f64,
    /// How many they are.
    #[serde(rename = "NoAns_total")]
    pub total: usize,
}

/// The highest figures that one threshold above which no answer is given could have had.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Best {
    /// Exact match in percent.
    #[serde(rename = "best_exact")]
    pub exact: f64,
    /// The threshold for it.
    #[serde(rename = "best_exact_thresh")]
    pub exact_thresh: f64,
    /// F1 in percent.
    #[serde(rename = "best_f1")]
    pub f1: f64,
    /// The threshold for it.
    #[serde(rename = "best_f1_thresh")]
    pub f1_thresh: f64,
}

/// A question that has a prediction.
pub(super) struct Scored<'a> {
    pub(super) id: &'a str,
    /// Whether it has a right answer.
    pub(super) has_answer: bool,
    /// Whether the prediction is one.
    pub(super) answered: bool,
    /// Exact match and F1 of the prediction.
    pub(super) scores: Scores,
}

/// Scores answers by the rules of SQuAD 2.0: as no answer where its probability is above `na_prob_thresh`.
///
/// Questions without a prediction are not counted; the official script names them and then fails. Without `na_probs`
/// the prediction decides alone.
pub fn score_v2(
    questions: &[Question],
    answers: &Answers,
    na_probs: Option<&Odds>,
    na_prob_thresh: f64,
) -> ScoreV2 {
    note_missing(questions, answers, "they are not counted");
    let scored: Vec<Scored> =
        questions.par_iter().filter_map(|question| Scored::of(question, answers)).collect();
    if let Some(na_probs) = na_probs {
        note_without_probability(&scored, na_probs);
    }
    let na_prob = |id: &str| na_probs.and_then(|probs| probs.get(id)).copied().unwrap_or(0.);
    let none = |has_answer: bool| if has_answer { (0., 0.) } else { (1., 1.) };
    let final_scores = scored.iter().map(|question| {
        let silent = na_prob(question.id) > na_prob_thresh;
        (question.has_answer, if silent { none(question.has_answer) } else { question.scores })
    });
    let final_scores: Vec<(bool, Scores)> = final_scores.collect();
    let part = |has_answer: bool| {
        let part = final_scores.iter().filter(move |score| score.0 == has_answer);
        let exists = questions.iter().any(|question| has_right_answer(question) == has_answer);
        exists.then(|| mean(part.map(|score| score.1)))
    };
    let (exact, f1, total) = mean(final_scores.iter().map(|score| score.1));
    ScoreV2 {
        exact,
        f1,
        total,
        has_ans: part(true).map(|(exact, f1, total)| HasAns { exact, f1, total }),
        no_ans: part(false).map(|(exact, f1, total)| NoAns { exact, f1, total }),
        best: na_probs.map(|na_probs| {
            let (exact, exact_thresh) = best(&scored, na_probs, |scores| scores.0);
            let (f1, f1_thresh) = best(&scored, na_probs, |scores| scores.1);
            Best { exact, exact_thresh, f1, f1_thresh }
        }),
    }
}

impl<'a> Scored<'a> {
    fn of(question: &'a Question, answers: &Answers) -> Option<Self> {
        let answer = answers.get(&question.id)?;
        Some(Self {
            id: &question.id,
            has_answer: has_right_answer(question),
            answered: !answer.is_empty(),
            scores: of_v2(question, answer),
        })
    }
}

fn has_right_answer(question: &Question) -> bool {
    !question.answers.is_empty()
}

/// The scores of one prediction; if no right answer has a word, none is right.
pub(super) fn of_v2(question: &Question, predicted: &str) -> Scores {
    let predicted = normalized(predicted);
    let score = |right: &str| {
        let exact = exact(&predicted, right);
        (exact, if predicted.is_empty() || right.is_empty() { exact } else { f1(&predicted, right) })
    };
    let right: Vec<String> = question.answers.iter().map(|answer| normalized(&answer.text)).collect();
    let right: Vec<&str> = right.iter().map(String::as_str).filter(|right| !right.is_empty()).collect();
    if right.is_empty() { score("") } else { highest(right.into_iter().map(score)) }
}

/// Both means in percent, and of how many.
fn mean(scores: impl Iterator<Item = Scores>) -> (f64, f64, usize) {
    let add = |sum: (f64, f64, usize), score: Scores| (sum.0 + score.0, sum.1 + score.1, sum.2 + 1);
    let (exact, f1, total) = scores.fold((0., 0., 0), add);
    (percent(exact, total), percent(f1, total), total)
}

fn note_without_probability(scored: &[Scored], na_probs: &Odds) {
    let without = scored.iter().filter(|question| !na_probs.contains_key(question.id)).count();
    if without > 0 {
        let total = scored.len();
        note(format!("{without} of {total} predictions have no probability of no answer: it counts as 0"));
    }
}
