//! Which columns of a file are texts and label, by the names that the task has for them.

use crate::task::{ColumnNames, Names, Split, Task};

/// The places of the columns that are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) text: usize,
    pub(super) pair: Option<usize>,
    /// None in a test set without labels; one for each of the labels where they are marked.
    pub(super) labels: Vec<usize>,
}

impl Columns {
    /// The columns of a set among `names`; the label's may be missing in a test set.
    ///
    /// # Errors
    /// If one is missing: says what was expected and what was found.
    pub(super) fn find(task: Task, split: Split, names: &[&str]) -> Result<Self, String> {
        let wanted = task.file().columns.as_ref().ok_or("the task has no columns")?;
        let place = |wanted: &Names| {
            wanted.0.iter().find_map(|name| names.iter().position(|n| n.trim().eq_ignore_ascii_case(name)))
        };
        let twice = |name: &&str| {
            names.iter().filter(|other| other.trim().eq_ignore_ascii_case(name.trim())).count() > 1
        };
        let all = [Some(&wanted.text), wanted.pair.as_ref(), Some(&wanted.label)].into_iter().flatten();
        let mut read = all.flat_map(|names| &names.0).map(|name| name.as_str());
        if let Some(name) = read.find(twice) {
            return Err(format!("more than one column is named {name}: rename all but one"));
        }
        let (text, pair) = (place(&wanted.text), wanted.pair.as_ref().map(place));
        let labels: Option<Vec<usize>> = match task.file().marked {
            true => wanted.label.0.iter().map(|name| place(&Names(vec![name.clone()]))).collect(),
            false => place(&wanted.label).map(|label| vec![label]),
        };
        match (text, pair) {
            (Some(text), None | Some(Some(_))) if labels.is_some() || split.is_test() => {
                Ok(Self { text, pair: pair.flatten(), labels: labels.unwrap_or_default() })
            }
            _ => Err(format!("expected {}, found {}", expected(task, wanted, split), described(names))),
        }
    }
}

/// `the columns sentence1 or premise, sentence2 or hypothesis`.
fn expected(task: Task, wanted: &ColumnNames, split: Split) -> String {
    let label = (!split.is_test()).then_some(&wanted.label);
    let columns = [Some(&wanted.text), wanted.pair.as_ref(), label].into_iter().flatten();
    let or = |names: &Names| if task.file().marked { names.0.join(", ") } else { names.0.join(" or ") };
    let columns: Vec<String> = columns.map(or).collect();
    let noun = if columns.len() == 1 { "the column" } else { "the columns" };
    format!("{noun} {}", columns.join(", "))
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
    use crate::fixture::task;

    #[test]
    fn columns_are_found_by_name_wherever_they_are() {
        let found = |task, split, names: &[&str]| Columns::find(task, split, names).unwrap();
        let mnli =
            found(task("mnli"), Split::Train, &["label1", "Hypothesis", "premise", "label", "gold_label"]);
        assert_eq!(mnli, Columns { text: 2, pair: Some(1), labels: vec![4] });
        let test = found(task("qqp"), Split::Test, &["id", "question1", "question2"]);
        assert_eq!(test, Columns { text: 1, pair: Some(2), labels: Vec::new() });
    }

    #[test]
    fn missing_columns_are_named_with_those_that_are_there() {
        let refused = |split, names: &[&str]| Columns::find(task("stsb"), split, names).unwrap_err();
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
