//! The meaning of a label, whether a name, a number or a place in a list of names.

use super::{Target, mark};
use crate::task::{Kind, Range, Split, Task};

/// So many classes are listed in messages.
const LISTED: usize = 20;

/// The value of a label.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    /// Letters of a TSV file, or a column of strings.
    Text(&'a str),
    /// A place in the list of names.
    Index(i64),
    /// A score.
    Number(f64),
    /// True or false.
    Bool(bool),
    /// Several of them.
    List(Vec<Value<'a>>),
    /// Nothing at all.
    Missing,
}

/// Understands the labels of one file.
pub(super) struct Labels {
    task: Task,
    split: Split,
    /// The class of the task for each index of the file; none where an index does not say which class it means.
    classes: Vec<u32>,
}

impl Labels {
    /// Those of a file that lists no names: indices are in the hub's order, which is that of the tasks that are built in;
    /// those of one's own say whether their files have indices.
    pub(super) fn new(task: Task, split: Split) -> Self {
        let count = if task.is_built_in() || task.is_numbered() { task.class_names().len() } else { 0 };
        let classes = (0..count as u32).collect();
        Self { task, split, classes }
    }

    /// Those of a file in which index i stands for the i-th of `listed`.
    ///
    /// # Errors
    /// If a name is none of the task's.
    pub(super) fn listed(task: Task, split: Split, listed: &[String]) -> Result<Self, String> {
        let classes = listed.iter().map(|name| {
            task.class(name).ok_or_else(|| {
                format!("its labels are {}, expected {}", listed.join(", "), task.class_names().join(", "))
            })
        });
        Ok(Self { task, split, classes: classes.collect::<Result<_, _>>()? })
    }

    /// The meaning of a row's cells: of its one label, or of a mark for each of the task's; none in a test set without labels.
    ///
    /// # Errors
    /// As [`target`](Self::target); names the column of a mark.
    pub(super) fn of_row(&self, values: &[Value]) -> Result<Option<Target>, String> {
        if !self.task.file().marked {
            return self.target(values.first().unwrap_or(&Value::Missing));
        }
        if self.split.is_test() && values.iter().all(|value| self.is_absent(value)) {
            return Ok(None);
        }
        let mut held = Vec::new();
        for ((label, name), value) in (0..).zip(self.task.class_names()).zip(values) {
            if mark::holds(name, value)? {
                held.push(label);
            }
        }
        Ok(Some(Target::Labels(held)))
    }

    /// The meaning of `value`; none in a test set without labels.
    ///
    /// # Errors
    /// If it says nothing where there must be a label, or nothing that the task knows.
    pub(super) fn target(&self, value: &Value) -> Result<Option<Target>, String> {
        if let (Kind::Labels(_), Some(between)) = (self.task.kind(), &self.task.file().several) {
            return self.several(value, between);
        }
        if self.is_absent(value) {
            return if self.split.is_test() { Ok(None) } else { Err(self.absent(value)) };
        }
        let target = match (self.task.kind(), value) {
            (Kind::Score(range), value) => score(value, range).map(Target::Score),
            (_, value) => self.class(value).map(Target::Class),
        };
        target.map(Some).ok_or_else(|| self.unknown(value))
    }

    /// The labels in a list, or in a text with `between` between them; an empty one says that none holds.
    fn several(&self, value: &Value, between: &str) -> Result<Option<Target>, String> {
        let mut found = match value {
            Value::Missing if self.split.is_test() => return Ok(None),
            Value::Missing => Vec::new(),
            Value::Text(text) => {
                let names = text.split(between).map(str::trim).filter(|name| !name.is_empty());
                names.map(|name| self.known(&Value::Text(name))).collect::<Result<_, _>>()?
            }
            Value::List(values) => values.iter().map(|value| self.known(value)).collect::<Result<_, _>>()?,
            other => vec![self.known(other)?],
        };
        found.sort_unstable();
        found.dedup();
        Ok(Some(Target::Labels(found)))
    }

    fn known(&self, value: &Value) -> Result<u32, String> {
        self.class(value).ok_or_else(|| self.unknown(value))
    }

    fn class(&self, value: &Value) -> Option<u32> {
        match value {
            Value::Text(text) => self.named(text.trim()),
            Value::Index(index) => self.at(*index),
            Value::Number(number) => whole(*number).and_then(|index| self.at(index)),
            Value::Bool(value) if self.task.file().exact => self.task.class(&value.to_string()),
            Value::Bool(value) => self.at((*value).into()),
            Value::List(_) | Value::Missing => None,
        }
    }

    /// The class of a name or of a number, which tables of floats spell `1.0`.
    fn named(&self, text: &str) -> Option<u32> {
        let number = || self.task.class(&whole(text.parse().ok()?)?.to_string());
        self.task.class(text).or_else(number)
    }

    /// The class that an index of the file stands for, or whose name is that number.
    fn at(&self, index: i64) -> Option<u32> {
        if self.task.class_names().iter().any(|name| name.parse::<i64>().is_ok()) {
            return self.task.class(&index.to_string());
        }
        self.classes.get(usize::try_from(index).ok()?).copied()
    }

    /// Nothing, or the −1 of sets whose labels are not given out.
    fn is_absent(&self, value: &Value) -> bool {
        let is_score = matches!(self.task.kind(), Kind::Score(range) if range.contains(-1.));
        let is_known = is_score || self.class(value).is_some();
        match value {
            Value::Text(text) => text.trim().is_empty() || !is_known && text.trim().parse() == Ok(-1.0),
            Value::Index(index) => !is_known && *index == -1,
            Value::Number(number) => !is_known && *number == -1.0,
            Value::Missing => true,
            Value::Bool(_) | Value::List(_) => false,
        }
    }

    fn absent(&self, value: &Value) -> String {
        let found = if *value == Value::Missing { "none".to_owned() } else { shown(value) };
        format!("no label, expected {} in a {}, found {found}", self.expected(), self.split)
    }

    fn unknown(&self, value: &Value) -> String {
        let found = shown(value);
        let reason = match value {
            Value::Text(text) if text.trim() == "-" => {
                ", which says that annotators did not agree: GLUE's own files have no such rows, leave them out"
            }
            Value::Text(text)
                if text.trim().parse::<u8>().is_ok()
                    && !self.task.is_numbered()
                    && !self.task.file().exact =>
            {
                ", and a number does not say which of them it means"
            }
            _ => "",
        };
        format!("unknown label, expected {}, found {found}{reason}", self.expected())
    }

    fn expected(&self) -> String {
        let names = self.task.class_names();
        let mut all = names[..names.len().min(LISTED)].join(", ");
        if names.len() > LISTED {
            all.push_str(&format!(", … ({} in all)", names.len()));
        }
        match self.task.kind() {
            Kind::Score(range) => range.to_string(),
            Kind::Classes([_, _]) if self.task.is_numbered() => format!("0 or 1 ({all})"),
            Kind::Classes(names) if self.task.is_numbered() => format!("0 to {} ({all})", names.len() - 1),
            _ => format!("one of {all}"),
        }
    }
}

/// The integer that a number is, if it is one.
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0. && number.abs() < 1e9).then_some(number as i64)
}

pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("`{text}`"),
        Value::Index(index) => format!("{index}"),
        Value::Number(number) => format!("{number}"),
        Value::Bool(value) => format!("{value}"),
        Value::List(values) => format!("a list of {}", values.len()),
        Value::Missing => "nothing".to_owned(),
    }
}

fn score(value: &Value, range: Range) -> Option<f32> {
    let number = match value {
        Value::Text(text) => text.trim().parse().ok()?,
        Value::Index(index) => *index as f64,
        Value::Number(number) => *number,
        Value::Bool(_) | Value::List(_) | Value::Missing => return None,
    };
    range.contains(number).then_some(number as f32)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::fixture::task;

    fn target(task: Task, split: Split, value: Value) -> Result<Option<Target>, String> {
        Labels::new(task, split).target(&value)
    }

    fn train(task: Task, value: Value) -> Result<Option<Target>, String> {
        target(task, Split::Train, value)
    }

    #[test]
    fn names_mean_the_classes_of_the_task() {
        let class = |task, text| train(task, Value::Text(text)).unwrap();
        assert_eq!(class(task("mnli"), "contradiction"), Some(Target::Class(2)));
        assert_eq!(class(task("rte"), "not_entailment"), Some(Target::Class(1)));
        assert_eq!(class(task("wnli"), "Not Entailment"), Some(Target::Class(0)));
        assert_eq!(class(task("wnli"), "1 "), Some(Target::Class(1)));
        assert_eq!(class(task("sst2"), "0"), Some(Target::Class(0)));
    }

    #[test]
    fn numbers_mean_nothing_where_programs_count_differently() {
        let message = train(task("qnli"), Value::Text("1")).unwrap_err();
        let expected = "unknown label, expected one of entailment, not_entailment, found `1`, and a number does not say \
                        which of them it means";
        assert_eq!(message, expected);
        assert!(train(task("mnli"), Value::Text("0")).is_err());
    }

    #[test]
    fn unknown_and_missing_labels_are_said_in_words() {
        let refused = |task, value| train(task, value).unwrap_err();
        assert_eq!(
            refused(task("sst2"), Value::Text("2")),
            "unknown label, expected 0 or 1 (negative, positive), found `2`"
        );
        assert!(refused(task("mnli"), Value::Text("-")).contains("annotators did not agree"));
        assert!(refused(task("mnli"), Value::Text("")).starts_with("no label, expected one of entailment, "));
        assert!(refused(task("cola"), Value::Index(-1)).ends_with("in a training set, found -1"));
        assert!(refused(task("cola"), Value::Index(2)).ends_with("(unacceptable, acceptable), found 2"));
        assert!(refused(task("cola"), Value::Number(0.5)).ends_with("(unacceptable, acceptable), found 0.5"));
        assert!(refused(task("cola"), Value::Text("1.5")).ends_with("found `1.5`"));
        assert!(refused(task("cola"), Value::Missing).ends_with("found none"));
    }

    #[test]
    fn a_class_may_be_a_whole_number_of_any_type() {
        for value in [Value::Number(1.), Value::Text("1.0"), Value::Text("1"), Value::Index(1)] {
            assert_eq!(train(task("cola"), value), Ok(Some(Target::Class(1))));
        }
    }

    #[test]
    fn scores_are_from_0_to_5() {
        let score = |text| train(task("stsb"), Value::Text(text));
        assert_eq!(score("3.800"), Ok(Some(Target::Score(3.8))));
        assert_eq!(score("0"), Ok(Some(Target::Score(0.))));
        assert_eq!(train(task("stsb"), Value::Number(5.)), Ok(Some(Target::Score(5.))));
        for text in ["5.1", "-0.5", "NaN", "x", "inf"] {
            assert_eq!(
                score(text),
                Err(format!("unknown label, expected a number from 0 to 5, found `{text}`"))
            );
        }
        assert!(score("-1").unwrap_err().starts_with("no label"));
    }

    #[test]
    fn test_sets_keep_labels_only_where_they_have_any() {
        let test = |task, value| target(task, Split::Test, value);
        for value in [Value::Missing, Value::Index(-1), Value::Text("-1"), Value::Text(" ")] {
            assert_eq!(test(task("mrpc"), value), Ok(None));
        }
        assert_eq!(test(task("stsb"), Value::Number(-1.)), Ok(None));
        assert_eq!(test(task("mrpc"), Value::Index(1)), Ok(Some(Target::Class(1))));
    }

    #[test]
    fn indices_follow_the_names_that_a_file_lists() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let google = names(&["contradiction", "Entailment", "neutral"]);
        let labels = Labels::listed(task("mnli"), Split::Train, &google).unwrap();
        let classes = [0, 1, 2].map(|index| labels.target(&Value::Index(index)).unwrap());
        assert_eq!(classes, [2, 0, 1].map(|class| Some(Target::Class(class))));
        let other = Labels::listed(task("mnli"), Split::Train, &names(&["yes", "no"])).err();
        assert_eq!(
            other.as_deref(),
            Some("its labels are yes, no, expected entailment, neutral, contradiction")
        );
    }
}
