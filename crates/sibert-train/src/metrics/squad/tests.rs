//! The figures against those of the official scripts, see `scripts/squad_fixtures.py`.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use serde_json::{Value, json};
use sibert_data::squad::{Answer, Odds};

use super::*;

/// As far as two sums of the same numbers may differ.
const TOLERANCE: f64 = 1e-9;

fn fixture() -> Value {
    serde_json::from_str(include_str!("../../../tests/data/squad.json")).unwrap()
}

fn question(id: &str, answers: &[&str]) -> Question {
    let answers: Vec<Answer> = answers.iter().map(|&text| Answer { text: text.into(), start: 0 }).collect();
    Question {
        id: id.into(),
        title: String::new(),
        question: String::new(),
        context: Arc::from(""),
        impossible: answers.is_empty(),
        answers,
    }
}

fn questions(case: &Value) -> Vec<Question> {
    let all = case["questions"].as_object().unwrap().iter();
    all.map(|(id, answers)| {
        question(id, &answers.as_array().unwrap().iter().map(|a| a.as_str().unwrap()).collect::<Vec<_>>())
    })
    .collect()
}

fn answers(case: &Value) -> Answers {
    let all = case["predictions"].as_object().unwrap().iter();
    all.map(|(id, answer)| (id.clone(), answer.as_str().unwrap().to_owned())).collect()
}

fn odds(case: &Value) -> Option<Odds> {
    Some(
        case["na_probs"].as_object()?.iter().map(|(id, prob)| (id.clone(), prob.as_f64().unwrap())).collect(),
    )
}

/// Whether two objects have the same keys with the same numbers.
#[track_caller]
fn assert_same(found: impl Serialize, expected: &Value, case: usize) {
    let found = serde_json::to_value(found).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&found), keys(expected), "case {case}");
    for key in keys(expected) {
        let (found, expected) = (found[&key].as_f64().unwrap(), expected[&key].as_f64().unwrap());
        assert!((found - expected).abs() <= TOLERANCE, "case {case}: {key} is {found}, expected {expected}");
    }
}

#[test]
fn answers_are_normalised_as_by_the_official_script() {
    let pairs = fixture()["normalized"].as_array().unwrap().clone();
    assert!(pairs.len() > 50);
    for pair in pairs {
        assert_eq!(normalized(pair[0].as_str().unwrap()), pair[1].as_str().unwrap(), "{}", pair[0]);
    }
}

#[test]
fn figures_of_squad_1_are_those_of_the_official_script() {
    let cases = fixture()["v1"].as_array().unwrap().clone();
    for (index, case) in cases.iter().enumerate() {
        assert_same(score_v1(&questions(case), &answers(case)), &case["expected"], index);
    }
    assert!(cases.len() >= 5);
}

#[test]
fn figures_of_squad_2_are_those_of_the_official_script() {
    let cases = fixture()["v2"].as_array().unwrap().clone();
    for (index, case) in cases.iter().enumerate() {
        let odds = odds(case);
        let thresh = case["na_prob_thresh"].as_f64().unwrap();
        let found = score_v2(&questions(case), &answers(case), odds.as_ref(), thresh);
        assert_same(found, &case["expected"], index);
    }
    assert!(cases.len() >= 10);
}

#[test]
fn means_of_the_questions_are_the_figures_of_the_set() {
    let fixture = fixture();
    let mut compared = 0;
    for (version, exact) in [("v1", "exact_match"), ("v2", "exact")] {
        for case in fixture[version].as_array().unwrap() {
            let questions = questions(case);
            let second = questions.iter().any(|question| question.impossible);
            let silenced = case["na_prob_thresh"]
                .as_f64()
                .is_some_and(|most| odds(case).is_some_and(|odds| odds.values().any(|&odds| odds > most)));
            if silenced || second != (version == "v2") {
                continue;
            }
            let scores = per_question(&questions, &answers(case));
            let mean = |of: fn(&Scores) -> f64| percent(scores.iter().map(of).sum(), scores.len());
            let expected = [exact, "f1"].map(|name| case["expected"][name].as_f64().unwrap());
            assert!((mean(|scores| scores.0) - expected[0]).abs() < TOLERANCE);
            assert!((mean(|scores| scores.1) - expected[1]).abs() < TOLERANCE);
            compared += 1;
        }
    }
    assert!(compared > 12);
}

#[test]
fn a_missing_prediction_scores_zero_by_1_and_is_not_counted_by_2() {
    let questions = [question("a", &["x"]), question("b", &["y"]), question("c", &["z"])];
    let answers: Answers = [("a".into(), "x".into()), ("b".into(), "no".into())].into();
    assert_eq!(score_v1(&questions, &answers).exact_match, 100. / 3.);
    let questions = [questions.to_vec(), vec![question("d", &[])]].concat();
    let odds: Odds = [("a".into(), 0.1), ("b".into(), 0.2), ("c".into(), 0.), ("d".into(), 0.)].into();
    let found = serde_json::to_value(score_v2(&questions, &answers, Some(&odds), 1.)).unwrap();
    let expected = json!({
        "exact": 50.0, "f1": 50.0, "total": 2,
        "HasAns_exact": 50.0, "HasAns_f1": 50.0, "HasAns_total": 2,
        "NoAns_exact": 0.0, "NoAns_f1": 0.0, "NoAns_total": 0,
        "best_exact": 50.0, "best_exact_thresh": 0.1, "best_f1": 50.0, "best_f1_thresh": 0.1,
    });
    assert_eq!(found, expected);
}

#[test]
fn figures_without_questions_of_their_kind_are_left_out() {
    let answers: Answers = [("a".into(), "x".into())].into();
    let keys = |questions: &[Question], odds: Option<&Odds>| -> Vec<String> {
        let score = serde_json::to_value(score_v2(questions, &answers, odds, 1.)).unwrap();
        score.as_object().unwrap().keys().cloned().collect()
    };
    let start = ["exact", "f1", "total"];
    let has = keys(&[question("a", &["x"])], None);
    assert_eq!(has, [&start[..], &["HasAns_exact", "HasAns_f1", "HasAns_total"]].concat());
    let none = keys(&[question("a", &[])], Some(&Odds::new()));
    let best = ["best_exact", "best_exact_thresh", "best_f1", "best_f1_thresh"];
    assert_eq!(none, [&start[..], &["NoAns_exact", "NoAns_f1", "NoAns_total"], &best].concat());
}
