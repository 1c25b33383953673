//! The threshold of no answer that would have scored best.

use std::cmp::Ordering;
use std::collections::HashMap;

use sibert_data::squad::Odds;

use super::v2::Scored;
use super::{Scores, percent};

/// The best score in percent, and the probability of no answer up to which predictions are given for it.
///
/// With no prediction given every question without an answer is right. Then predictions are given one by one, by
/// ascending probability of no answer, equal ones in their order in `na_probs`: each adds its score, or takes one away
/// if the question has no answer.
pub(super) fn best(scored: &[Scored], na_probs: &Odds, score: fn(&Scores) -> f64) -> (f64, f64) {
    let by_id: HashMap<&str, &Scored> = scored.iter().map(|question| (question.id, question)).collect();
    let mut ascending: Vec<(&str, f64)> = na_probs.iter().map(|(id, &prob)| (id.as_str(), prob)).collect();
    ascending.sort_by(|a, b| a.1.partial_cmp(&b.1).unwrap_or(Ordering::Equal));
    let mut current = scored.iter().filter(|question| !question.has_answer).count() as f64;
    let (mut highest, mut threshold) = (current, 0.);
    for (id, prob) in ascending {
        let Some(question) = by_id.get(id) else { continue };
        current += match (question.has_answer, question.answered) {
            (true, _) => score(&question.scores),
            (false, true) => -1.,
            (false, false) => 0.,
        };
        if current > highest {
            (highest, threshold) = (current, prob);
        }
    }
    (percent(highest, scored.len()), threshold)
}
