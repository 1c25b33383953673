//! The spans of a question's windows that may be its answer, best first.

use std::ops::Range;

use serde::Serialize;

use super::answers::{AnswerSettings, SpanLogits};
use super::{Question, Window};

/// The answer where no span is possible, as in transformers.
const NO_SPAN: &str = "empty";

/// A possible answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Candidate {
    /// Its words; empty for no answer.
    pub text: String,
    /// Its share among the candidates, by softmax of the sums of both logits.
    pub probability: f64,
    /// Logit of its first token.
    pub start_logit: f32,
    /// Logit of its last token.
    pub end_logit: f32,
}

/// Bytes of the context, none for no answer, and their logits.
#[derive(Clone, Debug)]
struct Span {
    bytes: Option<Range<usize>>,
    start_logit: f32,
    end_logit: f32,
}

impl Span {
    fn score(&self) -> f32 {
        self.start_logit + self.end_logit
    }
}

/// The best candidates of a question, and the score of no answer: the lowest one among its windows.
pub(super) fn candidates(
    question: &Question,
    windows: &[Window],
    logits: &[SpanLogits],
    settings: &AnswerSettings,
) -> (Vec<Candidate>, f32) {
    let both = || windows.iter().zip(logits);
    let null = both()
        .filter_map(|(_, logits)| null_span(logits))
        .reduce(|least, null| if null.score() < least.score() { null } else { least });
    let mut spans: Vec<Span> = both().flat_map(|(window, logits)| spans(window, logits, settings)).collect();
    let null_score = null.as_ref().map_or(0., Span::score);
    let null = null.filter(|_| settings.unanswerable);
    spans.extend(null.clone());
    spans.sort_by(|a, b| b.score().total_cmp(&a.score()));
    spans.truncate(settings.n_best);
    if !spans.iter().any(|span| span.bytes.is_none()) {
        spans.extend(null);
    }
    (with_probabilities(&question.context, &spans), null_score)
}

/// No answer: the `[CLS]`.
fn null_span(logits: &SpanLogits) -> Option<Span> {
    let (&start_logit, &end_logit) = (logits.start.first()?, logits.end.first()?);
    Some(Span { bytes: None, start_logit, end_logit })
}

/// Spans of the best starts and ends of a window: those that are not too long and begin where the
/// window shows most.
fn spans(window: &Window, logits: &SpanLogits, settings: &AnswerSettings) -> Vec<Span> {
    let ends = best(&logits.end, settings.n_best);
    let mut spans = Vec::new();
    for start in
        best(&logits.start, settings.n_best).into_iter().filter(|&start| window.has_max_context(start))
    {
        let Some(first) = window.bytes(start) else { continue };
        for &end in ends.iter().filter(|&&end| end >= start && end - start < settings.max_answer_len) {
            let Some(last) = window.bytes(end) else { continue };
            let bytes = Some(first.start..last.end);
            spans.push(Span { bytes, start_logit: logits.start[start], end_logit: logits.end[end] });
        }
    }
    spans
}

/// The places of the largest values, largest first; of equal ones the later first, as a stable `argsort` of numpy read
/// from its end.
fn best(values: &[f32], most: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..values.len()).collect();
    places.sort_unstable_by(|&a, &b| values[b].total_cmp(&values[a]).then(b.cmp(&a)));
    places.truncate(most);
    places
}

/// The spans' words and shares; one that says [`NO_SPAN`] in front if there is none but no answer.
fn with_probabilities(context: &str, spans: &[Span]) -> Vec<Candidate> {
    let candidate = |span: &Span| {
        let text = span.bytes.clone().map(|bytes| slice(context, bytes).to_owned()).unwrap_or_default();
        Candidate { text, probability: 0., start_logit: span.start_logit, end_logit: span.end_logit }
    };
    let mut candidates: Vec<Candidate> = spans.iter().map(candidate).collect();
    if candidates.iter().all(|candidate| candidate.text.is_empty()) {
        let text = NO_SPAN.to_owned();
        candidates.insert(0, Candidate { text, probability: 0., start_logit: 0., end_logit: 0. });
    }
    let score = |candidate: &Candidate| f64::from(candidate.start_logit + candidate.end_logit);
    let highest = candidates.iter().map(score).fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = candidates.iter().map(|candidate| (score(candidate) - highest).exp()).sum();
    for candidate in &mut candidates {
        candidate.probability = (score(candidate) - highest).exp() / sum;
    }
    candidates
}

/// The characters that these bytes touch: a byte-level tokenizer may cut one in two.
fn slice(context: &str, bytes: Range<usize>) -> &str {
    context
        .get(context.floor_char_boundary(bytes.start)..context.ceil_char_boundary(bytes.end))
        .unwrap_or_default()
}
