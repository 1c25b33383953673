//! Which columns of a file are texts and label, by their names.
//!
//! | task | text | pair | label |
//! |---|---|---|---|
//! | CoLA, SST-2 | sentence | | label |
//! | MRPC | #1 String | #2 String | Quality |
//! | STS-B | sentence1 | sentence2 | score |
//! | QQP | question1 | question2 | is_duplicate |
//! | MNLI, AX | sentence1 | sentence2 | gold_label |
//! | QNLI | question | sentence | label |
//! | RTE, WNLI | sentence1 | sentence2 | label |
//!
//! On the hub texts and label of MRPC are sentence1, sentence2, label, those of MNLI and AX premise, hypothesis, label.

use super::Split;
use crate::task::Task;

/// Names of a column, the official one first.
type Names = &'static [&'static str];

/// The names of the columns of a task.
struct Wanted {
    text: Names,
    pair: Option<Names>,
    label: Names,
}

/// The places of the columns that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) text: usize,
    pub(super) pair: Option<usize>,
    /// None in a test set without labels.
    pub(super) label: Option<usize>,
}

impl Columns {
    /// CoLA's training and development sets, which have no names: source, label, the author's mark, sentence.
    pub(super) const COLA: Self = Self { text: 3, pair: None, label: Some(1) };

    /// How many columns [`Self::COLA`] has.
    pub(super) const COLA_COUNT: usize = 4;

    /// The columns of a set among `names`; the label's may be missing in a test set.
    ///
    /// # Errors
    /// If one is missing: says what was expected and what was found.
    pub(super) fn find(task: Task, split: Split, names: &[&str]) -> Result<Self, String> {
        let wanted = Wanted::of(task);
        let place = |wanted: Names| {
            wanted.iter().find_map(|name| names.iter().position(|n| n.trim().eq_ignore_ascii_case(name)))
        };
        let (text, pair, label) = (place(wanted.text), wanted.pair.map(place), place(wanted.label));
        match (text, pair) {
            (Some(text), None | Some(Some(_))) if label.is_some() || split.is_test() => {
                Ok(Self { text, pair: pair.flatten(), label })
            }
            _ => Err(format!("expected {}, found {}", wanted.described(split), described(names))),
        }
    }
}

impl Wanted {
    fn of(task: Task) -> Self {
        const LABEL: Names = &["label"];
        let pair = |text: Names, pair: Names, label: Names| Self { text, pair: Some(pair), label };
        match task {
            Task::Cola => Self { text: &["sentence"], pair: None, label: &["label", "is_acceptable"] },
            Task::Sst2 => Self { text: &["sentence"], pair: None, label: LABEL },
            Task::Mrpc => {
                pair(&["#1 String", "sentence1"], &["#2 String", "sentence2"], &["Quality", "label"])
            }
            Task::Stsb => pair(&["sentence1"], &["sentence2"], &["score", "similarity", "label"]),
            Task::Qqp => pair(&["question1"], &["question2"], &["is_duplicate", "label"]),
            Task::Mnli | Task::Ax => {
                pair(&["sentence1", "premise"], &["sentence2", "hypothesis"], &["gold_label", "label"])
            }
            Task::Qnli => pair(&["question"], &["sentence"], LABEL),
            Task::Rte | Task::Wnli | Task::Squad | Task::SquadV2 => {
                pair(&["sentence1"], &["sentence2"], LABEL)
            }
        }
    }

    /// `the columns sentence1 or premise, sentence2 or hypothesis`.
    fn described(&self, split: Split) -> String {
        let label = (!split.is_test()).then_some(self.label);
        let columns: Vec<String> = [Some(self.text), self.pair, label]
            .into_iter()
            .flatten()
            .map(|names| names.join(" or "))
            .collect();
        let noun = if columns.len() == 1 { "the column" } else { "the columns" };
        format!("{noun} {}", columns.join(", "))
    }
}

/// The names that a file gives its columns, or what stands in their place, in short.
fn described(names: &[&str]) -> String {
    const LONGEST: usize = 200;
    let all = names.join(", ");
    match all.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} column(s): {}…", names.len(), &all[..end]),
        None => format!("{} column(s): {all}", names.len()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name_wherever_they_are() {
        let found = |task, split, names: &[&str]| Columns::find(task, split, names).unwrap();
        let mnli =
            found(Task::Mnli, Split::Train, &["label1", "Hypothesis", "premise", "label", "gold_label"]);
        assert_eq!(mnli, Columns { text: 2, pair: Some(1), label: Some(4) });
        let test = found(Task::Qqp, Split::Test, &["id", "question1", "question2"]);
        assert_eq!(test, Columns { text: 1, pair: Some(2), label: None });
    }

    #[test]
    fn missing_columns_are_named_with_those_that_are_there() {
        let refused = |split, names: &[&str]| Columns::find(Task::Stsb, split, names).unwrap_err();
        assert_eq!(
            refused(Split::Train, &["sentence1", "sentence2"]),
            "expected the columns sentence1, sentence2, score or similarity or label, found 2 column(s): sentence1, \
             sentence2"
        );
        assert!(
            refused(Split::Test, &["a,b"]).starts_with("expected the columns sentence1, sentence2, found 1")
        );
    }
}
