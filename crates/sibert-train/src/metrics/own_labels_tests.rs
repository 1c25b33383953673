//! Figures of classes, labels and entities beside those of scikit-learn and seqeval.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::slice;

use serde::Deserialize;
use sibert_data::task::Metric;

use super::*;

/// Made by `scripts/own_label_fixtures.py`.
#[derive(Deserialize)]
struct Reference {
    classes: Vec<Classes>,
    labels: Vec<Several>,
    words: Vec<OfWords>,
}

#[derive(Deserialize)]
struct Classes {
    count: usize,
    actual: Vec<u32>,
    predicted: Vec<u32>,
    #[serde(flatten)]
    each: Each,
    f1_macro: f64,
    confusion: Vec<Vec<usize>>,
}

#[derive(Deserialize)]
struct Several {
    count: usize,
    actual: Vec<Vec<u32>>,
    predicted: Vec<Vec<u32>>,
    #[serde(flatten)]
    each: Each,
    accuracy: f64,
    f1_micro: f64,
    f1_macro: f64,
}

#[derive(Deserialize)]
struct OfWords {
    actual: Vec<Vec<String>>,
    predicted: Vec<Vec<String>>,
    kinds: BTreeMap<String, Kind>,
    entity_f1: f64,
    accuracy: f64,
}

#[derive(Deserialize)]
struct Each {
    precision: Vec<f64>,
    recall: Vec<f64>,
    f1: Vec<f64>,
    support: Vec<usize>,
}

#[derive(Deserialize)]
struct Kind {
    precision: f64,
    recall: f64,
    f1: f64,
    support: usize,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../../tests/data/own_labels.json")).unwrap()
}

fn assert_close(name: &str, found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-12, "{name}: {found}, expected {expected}");
}

fn assert_each(counts: &[Counts], each: &Each) {
    for (class, counts) in counts.iter().enumerate() {
        assert_close("precision", precision(*counts), each.precision[class]);
        assert_close("recall", recall(*counts), each.recall[class]);
        assert_close("f1", f1(*counts), each.f1[class]);
        assert_eq!(counts.actual, each.support[class]);
    }
}

#[test]
fn figures_of_each_class_are_those_of_scikit_learn() {
    let cases = reference().classes;
    assert!(cases.len() > 15);
    for Classes { count, actual, predicted, each, f1_macro, confusion: expected } in cases {
        assert_each(&class_counts(&predicted, &actual, count), &each);
        assert_close("f1_macro", of_classes(Metric::F1Macro, &predicted, &actual), f1_macro);
        assert_eq!(confusion(&predicted, &actual, count), expected);
    }
}

#[test]
fn figures_of_several_labels_are_those_of_scikit_learn() {
    let cases = reference().labels;
    assert!(cases.len() > 7);
    for Several { count, actual, predicted, each, accuracy, f1_micro, f1_macro } in cases {
        assert_each(&label_counts(&predicted, &actual, count), &each);
        let expected =
            [(Metric::Accuracy, accuracy), (Metric::F1Micro, f1_micro), (Metric::F1Macro, f1_macro)];
        for (metric, expected) in expected {
            assert_close(metric.name(), of_labels(metric, &predicted, &actual, count), expected);
        }
    }
}

#[test]
fn figures_of_entities_are_those_of_seqeval() {
    let cases = reference().words;
    assert!(cases.len() > 20);
    for case in cases {
        let counts = entity_counts(&case.predicted, &case.actual);
        assert_eq!(counts.keys().collect::<Vec<_>>(), case.kinds.keys().collect::<Vec<_>>());
        for (counts, expected) in counts.values().zip(case.kinds.values()) {
            assert_close("precision", precision(*counts), expected.precision);
            assert_close("recall", recall(*counts), expected.recall);
            assert_close("f1", f1(*counts), expected.f1);
            assert_eq!(counts.actual, expected.support);
        }
        let sentence = |(predicted, actual): (&Vec<String>, &Vec<String>)| WordCounts {
            words: actual.len(),
            right: predicted.iter().zip(actual).filter(|(predicted, actual)| predicted == actual).count(),
            entities: entity_counts(slice::from_ref(predicted), slice::from_ref(actual)).into_values().sum(),
        };
        let sentences = || case.predicted.iter().zip(&case.actual).map(sentence);
        assert_close("entity_f1", of_words(Metric::EntityF1, sentences()), case.entity_f1);
        assert_close("accuracy", of_words(Metric::Accuracy, sentences()), case.accuracy);
    }
}
