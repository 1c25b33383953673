//! Answers against transformers' own code, see `scripts/squad_fixtures.py`.

use serde_json::Value;

use super::*;

/// transformers adds and divides in single precision.
const TOLERANCE: f64 = 1e-6;

fn numbers(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|number| number.as_u64().unwrap() as usize).collect()
}

fn values(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
}

/// The window and logits of an entry, whose offsets count characters.
fn window(index: usize, entry: &Value, window: &Value) -> (Window, SpanLogits) {
    let context = entry["context"].as_str().unwrap();
    let ends: Vec<usize> = context.char_indices().map(|(byte, _)| byte).chain([context.len()]).collect();
    let offset = |pair: &Value| (ends[numbers(pair)[0]], ends[numbers(pair)[1]]);
    let maximum = numbers(&window["max_context"]);
    let part = numbers(&window["part"]);
    let logits = SpanLogits { start: values(&window["start"]), end: values(&window["end"]) };
    let max_context = maximum.first().map_or(0..0, |&first| first..first + maximum.len());
    assert!(maximum.iter().copied().eq(max_context.clone()), "maximum context is no range: {maximum:?}");
    let length = logits.start.len();
    let window = Window {
        input_ids: vec![0; length],
        token_type_ids: vec![0; length],
        span: (0, 0),
        question: index,
        first: window["first"].as_u64().unwrap() as usize,
        part: part[0]..part[1],
        max_context,
        offsets: entry["offsets"].as_array().unwrap().iter().map(offset).collect(),
    };
    (window, logits)
}

#[test]
fn answers_are_those_of_transformers() {
    let fixture: Value = serde_json::from_str(include_str!("../../../tests/data/squad.json")).unwrap();
    let cases = fixture["answers"].as_array().unwrap();
    assert!(cases.len() > 8);
    for (number, case) in cases.iter().enumerate() {
        let entries = case["questions"].as_array().unwrap();
        let questions: Vec<Question> = entries
            .iter()
            .enumerate()
            .map(|(index, entry)| {
                question(&format!("q{index}"), "?", entry["context"].as_str().unwrap(), None)
            })
            .collect();
        let windows = entries.iter().enumerate().flat_map(|(index, entry)| {
            entry["windows"].as_array().unwrap().iter().map(move |part| window(index, entry, part))
        });
        let (windows, logits): (Vec<Window>, Vec<SpanLogits>) = windows.unzip();
        let settings = AnswerSettings {
            n_best: case["n_best"].as_u64().unwrap() as usize,
            max_answer_len: case["max_answer_len"].as_u64().unwrap() as usize,
            null_score_diff_threshold: case["threshold"].as_f64().unwrap() as f32,
            unanswerable: case["unanswerable"].as_bool().unwrap(),
        };
        let found = answers(&questions, &windows, &logits, &settings);
        let found = [
            ("predictions", serde_json::to_value(found.answers.iter().collect::<Vec<_>>()).unwrap()),
            ("nbest_predictions", serde_json::to_value(found.n_best.iter().collect::<Vec<_>>()).unwrap()),
            ("null_odds", serde_json::to_value(found.null_odds.iter().collect::<Vec<_>>()).unwrap()),
        ];
        for (name, pairs) in found {
            let expected = case["expected"].get(name).and_then(Value::as_object).into_iter().flatten();
            let expected = serde_json::to_value(expected.collect::<Vec<_>>()).unwrap();
            assert_close(&pairs, &expected, &format!("case {number}, {name}"));
        }
    }
}

/// Whether two values are the same but for rounding.
#[track_caller]
fn assert_close(found: &Value, expected: &Value, place: &str) {
    match (found, expected) {
        (Value::Array(found), Value::Array(expected)) => {
            assert_eq!(found.len(), expected.len(), "{place}");
            found.iter().zip(expected).for_each(|(found, expected)| assert_close(found, expected, place));
        }
        (Value::Object(found), Value::Object(expected)) => {
            assert_eq!(found.len(), expected.len(), "{place}");
            expected
                .iter()
                .for_each(|(key, expected)| assert_close(&found[key], expected, &format!("{place}, {key}")));
        }
        (Value::Number(found), Value::Number(expected)) => {
            let (found, expected) = (found.as_f64().unwrap(), expected.as_f64().unwrap());
            assert!(
                (found - expected).abs() <= TOLERANCE * expected.abs().max(1.),
                "{place}: {found}, expected {expected}"
            );
        }
        _ => assert_eq!(found, expected, "{place}"),
    }
}
