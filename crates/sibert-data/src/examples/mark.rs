//! The mark of a label in a column of its own: whether it holds.

use super::label::{Value, shown};

/// Whether the label of a column holds: 1, true and yes say so, 0, false and no the contrary, in letters of any case.
///
/// # Errors
/// If the cell is empty or says something else; names the column.
pub(super) fn holds(column: &str, value: &Value) -> Result<bool, String> {
    let mark = match value {
        Value::Bool(mark) => Some(*mark),
        Value::Index(0) => Some(false),
        Value::Index(1) => Some(true),
        Value::Number(number) => of_number(*number),
        Value::Text(text) => of_text(text.trim()),
        Value::Index(_) | Value::List(_) | Value::Missing => None,
    };
    mark.ok_or_else(|| {
        let found = match value {
            Value::Text(text) if text.trim().is_empty() => "nothing".to_owned(),
            other => shown(other),
        };
        format!("the column {column}: expected 0 or 1, true or false, yes or no, found {found}")
    })
}

fn of_text(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" => Some(true),
        "false" | "no" => Some(false),
        number => of_number(number.parse().ok()?),
    }
}

/// Tables of floats spell 1 as `1.0`.
fn of_number(number: f64) -> Option<bool> {
    [(0., false), (1., true)].into_iter().find(|(known, _)| *known == number).map(|(_, mark)| mark)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_zero_or_one_true_or_false_yes_or_no() {
        let text = |text| holds("x", &Value::Text(text));
        for yes in ["1", " 1.0", "true", "True", "YES"] {
            assert_eq!(text(yes), Ok(true), "{yes}");
        }
        for no in ["0", "0.0 ", "FALSE", "no"] {
            assert_eq!(text(no), Ok(false), "{no}");
        }
        assert_eq!(
            [Value::Bool(true), Value::Index(1), Value::Number(1.)].map(|v| holds("x", &v)),
            [const { Ok(true) }; 3]
        );
    }

    #[test]
    fn anything_else_is_refused_by_its_column() {
        let refused = |value| holds("spam", &value).unwrap_err();
        let expected = "the column spam: expected 0 or 1, true or false, yes or no, found ";
        assert_eq!(refused(Value::Text(" ")), format!("{expected}nothing"));
        assert_eq!(refused(Value::Missing), format!("{expected}nothing"));
        assert_eq!(refused(Value::Text("x")), format!("{expected}`x`"));
        assert_eq!(refused(Value::Index(2)), format!("{expected}2"));
        assert_eq!(refused(Value::Number(0.5)), format!("{expected}0.5"));
    }
}
