//! Answers put where their text stands in the context.

use std::ops::Range;
use std::path::Path;

use anyhow::{Result, ensure};

use super::{Answer, Question};
use crate::Notes;

/// Corrects the starts of answers; of a training set, questions whose first answer is not in the context are left out.
///
/// # Errors
/// If no question is left.
pub(super) fn align(questions: &mut Vec<Question>, train: bool, path: &Path, notes: Notes) -> Result<()> {
    let total = questions.len();
    let (mut moved, mut lost) = (Vec::new(), Vec::new());
    questions.retain_mut(|question| {
        let (mut is_moved, mut is_lost) = (false, false);
        for (index, answer) in question.answers.iter_mut().enumerate() {
            match nearest(&question.context, answer) {
                Some(start) if start == answer.start => {}
                Some(start) => (answer.start, is_moved) = (start, true),
                None => is_lost |= index == 0,
            }
        }
        let left_out = train && is_lost && !question.impossible;
        if left_out {
            lost.push(question.id.clone());
        } else if is_moved {
            moved.push(question.id.clone());
        }
        !left_out
    });
    let report = |ids: &[String], what: &str| {
        if let Some(first) = ids.first() {
            notes(format!(
                "{}: {} of {total} questions {what}, the first is {first}",
                path.display(),
                ids.len()
            ));
        }
    };
    report(&moved, "have an answer that is not at answer_start: the nearest place is used");
    report(&lost, "have an answer that is not in the context: they are left out");
    ensure!(!questions.is_empty(), "{}: no question is left to train on", path.display());
    Ok(())
}

/// The bytes of the context that an answer stands for; none if its text is not there.
pub(super) fn bytes(context: &str, answer: &Answer) -> Option<Range<usize>> {
    let start = byte_of(context, answer.start)?;
    context[start..].starts_with(&answer.text).then(|| start..start + answer.text.len())
}

/// Where the answer's text begins nearest to its start, in characters; of two places the earlier one.
fn nearest(context: &str, answer: &Answer) -> Option<usize> {
    if bytes(context, answer).is_some() {
        return Some(answer.start);
    }
    let places = context
        .char_indices()
        .enumerate()
        .filter(|&(_, (byte, _))| context[byte..].starts_with(&answer.text));
    places.map(|(place, _)| place).min_by_key(|place| place.abs_diff(answer.start))
}

/// The byte at which a character begins, or the length after the last one.
fn byte_of(text: &str, character: usize) -> Option<usize> {
    if text.is_ascii() {
        return (character <= text.len()).then_some(character);
    }
    let ends = std::iter::once(text.len());
    text.char_indices().map(|(byte, _)| byte).chain(ends).nth(character)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn answer(text: &str, start: usize) -> Answer {
        Answer { text: text.into(), start }
    }

    fn question(id: &str, context: &str, answers: &[Answer]) -> Question {
        Question {
            id: id.into(),
            title: String::new(),
            question: "?".into(),
            context: context.into(),
            impossible: answers.is_empty(),
            answers: answers.to_vec(),
        }
    }

    #[test]
    fn starts_are_characters() {
        let context = "é東👩‍👧 word e\u{301}t\r\nx";
        for (text, start) in [("é", 0), ("東", 1), ("👩‍👧", 2), ("word", 6), ("e\u{301}t", 11), ("x", 16)]
        {
            let found = bytes(context, &answer(text, start)).unwrap();
            assert_eq!(&context[found], text);
            assert_eq!(bytes(context, &answer(text, start + 1)), None);
        }
        assert_eq!(bytes(context, &answer("x", 1000)), None);
        assert_eq!(bytes("abc", &answer("", 3)), Some(3..3));
        assert_eq!(bytes("abc", &answer("", 4)), None);
    }

    #[test]
    fn an_answer_that_is_elsewhere_is_taken_where_it_is_nearest() {
        let context = "é in and in and in"; // in at 2, 9, 16
        for (given, expected) in [(0, 2), (5, 2), (6, 9), (9, 9), (12, 9), (13, 16), (99, 16)] {
            assert_eq!(nearest(context, &answer("in", given)), Some(expected), "{given}");
        }
        assert_eq!(nearest("aaaa", &answer("aa", 3)), Some(2));
        assert_eq!(nearest(context, &answer("IN", 2)), None);
    }

    #[test]
    fn only_training_leaves_out_what_is_nowhere() {
        let all = [
            question("there", "a b", &[answer("b", 2)]),
            question("moved", "a b", &[answer("b", 0), answer("c", 0)]),
            question("lost", "a b", &[answer("c", 0), answer("b", 0)]),
            question("none", "a b", &[]),
        ];
        let ids = |questions: &[Question]| questions.iter().map(|q| q.id.clone()).collect::<Vec<_>>();
        let mut train = all.to_vec();
        align(&mut train, true, Path::new("train"), &|_| {}).unwrap();
        assert_eq!(ids(&train), ["there", "moved", "none"]);
        assert_eq!(train[1].answers[0].start, 2);
        let mut dev = all.to_vec();
        align(&mut dev, false, Path::new("dev"), &|_| {}).unwrap();
        assert_eq!(ids(&dev), ids(&all));
        assert_eq!(dev[2].answers, [answer("c", 0), answer("b", 2)]);
        let error = align(&mut vec![all[2].clone()], true, Path::new("train"), &|_| {}).unwrap_err();
        assert_eq!(error.to_string(), "train: no question is left to train on");
    }
}
