//! Promises of SQuAD's parts, on small texts and against transformers' code.

#![allow(clippy::unwrap_used)]

mod extract;
mod files;
mod fixture;
mod reading;
mod windows;

use std::fs;

use tokenizers::Tokenizer;

use super::*;
use crate::fixture::task;
use crate::tokenizer::{self, SPECIAL};

/// The hub must not be asked.
fn no_hub() -> Result<sibert_hub::Hub> {
    panic!("the hub is not to be asked")
}

fn read_file(path: &Path) -> Result<Vec<Question>> {
    super::read_file(path, &|_| {})
}

fn windows(questions: &[Question], tokenizer: &Tokenizer, settings: &WindowSettings) -> Result<Vec<Window>> {
    super::windows(questions, tokenizer, settings, &|_| {})
}

/// A WordPiece tokenizer that spells ASCII words letter by letter, knows some as a whole, and no other letters.
fn speller() -> Tokenizer {
    let mut tokens: Vec<String> = SPECIAL.map(String::from).into();
    tokens.extend(["the", "cafe", "##teria", "東"].map(String::from));
    tokens.extend(('!'..='~').filter(|letter| !letter.is_ascii_uppercase()).map(String::from));
    tokens.extend(('a'..='z').chain('0'..='9').map(|letter| format!("##{letter}")));
    tokenizer::of_words(&tokens.join("\n")).unwrap()
}

fn answer(text: &str, start: usize) -> Answer {
    Answer { text: text.into(), start }
}

/// A question whose answer is these bytes of the context.
fn question(id: &str, asked: &str, context: &str, bytes: Option<std::ops::Range<usize>>) -> Question {
    let answers = bytes.map(|bytes| answer(&context[bytes.clone()], context[..bytes.start].chars().count()));
    Question {
        id: id.into(),
        title: "t".into(),
        question: asked.into(),
        context: context.into(),
        impossible: answers.is_none(),
        answers: answers.into_iter().collect(),
    }
}

/// Logits that say a window's own span, and nothing where it has none.
fn spiked(window: &Window) -> SpanLogits {
    let mut logits =
        SpanLogits { start: vec![0.; window.input_ids.len()], end: vec![0.; window.input_ids.len()] };
    let (start, end) = window.span;
    if end > 0 {
        logits.start[start as usize] = 10.;
        logits.end[end as usize] = 10.;
    }
    logits
}

const BY_WORDS: AnswerSettings =
    AnswerSettings { n_best: 20, max_answer_len: 1000, null_score_diff_threshold: 0., unanswerable: false };
