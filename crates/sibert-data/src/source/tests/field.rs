//! One field of an object, against the library that builds them all.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn look(line: &str, field: &str) -> (Found, String) {
    let mut text = String::new();
    let found = read(line, field, &mut text).unwrap();
    (found, if found == Found::Text { text } else { String::new() })
}

#[test]
fn literal_keys_win_over_paths() {
    for line in [r#"{"a.b":"key","a":{"b":"path"}}"#, r#"{"a":{"b":"path"},"a.b":"key"}"#] {
        assert_eq!(look(line, "a.b"), (Found::Text, "key".into()));
    }
    assert_eq!(look(r#"{"a":{"b":{"c":"deep"}}}"#, "a.b.c"), (Found::Text, "deep".into()));
    assert_eq!(look(r#"{"a":{"b.c":"deep"}}"#, "a.b.c"), (Found::Text, "deep".into()));
    assert_eq!(look(r#"{"a":null}"#, "a.b"), (Found::Null, String::new()));
    assert_eq!(look(r#"{"ab":"x","a":"y"}"#, "a.b"), (Found::Missing, String::new()));
}

#[test]
fn of_equal_keys_the_last_one_counts() {
    for (line, found) in [
        (r#"{"text":"a","text":"b"}"#, (Found::Text, "b".to_owned())),
        (r#"{"text":3,"text":"b"}"#, (Found::Text, "b".into())),
        (r#"{"text":"a","text":null}"#, (Found::Null, String::new())),
        (r#"{"text":"a","te\u0078t":[]}"#, (Found::Other, String::new())),
    ] {
        assert_eq!(look(line, "text"), found);
        assert_eq!(found, oracle(&serde_json::from_str(line).unwrap(), "text"));
    }
}

#[test]
fn what_is_no_json_is_refused_wherever_it_is() {
    for line in [
        r#"{"text":"a","#,
        r#"{"text":"a"}}"#,
        r#"{"text":"a","b":[1,}"#,
        r#"{"text":"\ud800"}"#,
        r#"{"text":"\x"}"#,
        "{\"text\":\"a\tb\"}",
        r#"{"text":"a" "b":1}"#,
        r#"{text:"a"}"#,
        r#"{"a":{"b":"#,
    ] {
        assert!(read(line, "text", &mut String::new()).is_err(), "{line}");
        assert!(serde_json::from_str::<Value>(line).is_err(), "{line}");
    }
}

/// The same from the whole value.
fn oracle(value: &Value, path: &str) -> (Found, String) {
    match find(value, path) {
        None => (Found::Missing, String::new()),
        Some(Value::Null) => (Found::Null, String::new()),
        Some(Value::String(text)) => (Found::Text, text.clone()),
        Some(_) => (Found::Other, String::new()),
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<String>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f32>().prop_map(|number| json!(number)),
        any::<bool>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let key = prop_oneof![Just("text".to_owned()), Just("a".into()), Just("b".into()), any::<String>()];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..4).prop_map(|pairs| pairs.into_iter().collect::<Value>()),
        ]
    })
}

proptest! {
    #[test]
    fn field_equals_that_of_the_whole_value(value in value(), a in any::<String>(), pretty: bool) {
        let object = json!({ "a": value, "text": a });
        let line = if pretty { serde_json::to_string_pretty(&object) } else { serde_json::to_string(&object) };
        let line = line.unwrap();
        for path in ["text", "a", "a.text", "a.a", "a.b", "a.a.b", "b"] {
            prop_assert_eq!(look(&line, path), oracle(&object, path));
        }
    }

    #[test]
    fn any_line_is_read_or_explained(line in any::<String>(), path in any::<String>()) {
        for line in [line.clone(), format!("{{{line}"), format!("{{\"{line}\":\"x\"}}")] {
            let _ = read(&line, &path, &mut String::new());
            prop_assert!(!explain(&line, &path).is_empty());
        }
    }
}
