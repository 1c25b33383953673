#![allow(clippy::unwrap_used)]
use proptest::prelude::*;
use serde::Deserialize;
use sibert_data::task::Metric;

use super::*;

const ALL: [Metric; 6] =
    [Metric::Accuracy, Metric::F1, Metric::Matthews, Metric::Pearson, Metric::Spearman, Metric::ExactMatch];
const OF_CLASSES: [Metric; 3] = [Metric::Accuracy, Metric::F1, Metric::Matthews];
const OF_SCORES: [Metric; 2] = [Metric::Pearson, Metric::Spearman];

/// Made by `scripts/metric_fixtures.py`.
#[derive(Deserialize)]
struct Reference {
    classes: Vec<ClassCase>,
    scores: Vec<ScoreCase>,
}

#[derive(Deserialize)]
struct ClassCase {
    name: String,
    predicted: String,
    actual: String,
    accuracy: Option<f64>,
    f1: Option<f64>,
    matthews: Option<f64>,
}

#[derive(Deserialize)]
struct ScoreCase {
    name: String,
    predicted: Vec<f32>,
    actual: Vec<f32>,
    pearson: Option<f64>,
    pearson_float32: Option<f64>,
    spearman: Option<f64>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../../tests/data/metrics.json")).unwrap()
}

fn assert_close(name: &str, found: f64, expected: Option<f64>, tolerance: f64) {
    match expected {
        Some(expected) => {
            assert!((found - expected).abs() <= tolerance, "{name}: {found}, expected {expected}")
        }
        None => assert!(found.is_nan(), "{name}: {found}, expected NaN"),
    }
}

#[test]
fn figures_of_classes_are_those_of_scikit_learn() {
    let digits = |text: &str| -> Vec<u32> { text.chars().map(|digit| digit.to_digit(10).unwrap()).collect() };
    let cases = reference().classes;
    assert!(cases.len() > 30);
    for case in cases {
        let (predicted, actual) = (digits(&case.predicted), digits(&case.actual));
        for (metric, expected) in OF_CLASSES.into_iter().zip([case.accuracy, case.f1, case.matthews]) {
            assert_close(&case.name, of_classes(metric, &predicted, &actual), expected, 1e-12);
        }
    }
}

#[test]
fn figures_of_scores_are_those_of_scipy() {
    let cases = reference().scores;
    assert!(cases.len() > 25);
    for ScoreCase { name, predicted, actual, pearson, pearson_float32, spearman } in cases {
        let found = of_scores(Metric::Pearson, &predicted, &actual);
        assert_close(&name, found, pearson, 1e-9);
        let rough = name.starts_with("nearly constant, spread 1e-0")
            || name.starts_with("equal but for the last bit");
        assert_close(&name, found, pearson_float32, if rough { 2e-3 } else { 1e-6 });
        assert_close(&name, of_scores(Metric::Spearman, &predicted, &actual), spearman, 1e-9);
    }
}

#[test]
fn figures_of_no_rows_unequally_many_or_other_values_are_undefined() {
    for metric in ALL {
        assert!(of_classes(metric, &[], &[]).is_nan());
        assert!(of_classes(metric, &[1], &[1, 0]).is_nan());
        assert!(of_scores(metric, &[], &[]).is_nan());
        assert!(of_scores(metric, &[1., 2.], &[1., 2., 3.]).is_nan());
        assert!(of_scores(metric, &[1., f32::NAN, 3.], &[1., 2., 3.]).is_nan());
        assert_eq!(of_classes(metric, &[0, 1], &[0, 1]).is_nan(), !OF_CLASSES.contains(&metric));
        assert_eq!(of_scores(metric, &[0., 1.], &[0., 1.]).is_nan(), !OF_SCORES.contains(&metric));
    }
}

#[test]
fn infinite_scores_have_ranks_but_no_deviation_from_a_mean() {
    let (predicted, actual) = ([f32::INFINITY, f32::INFINITY, 0., f32::NEG_INFINITY], [3., 4., 2., 1.]);
    assert!(of_scores(Metric::Pearson, &predicted, &actual).is_nan());
    assert_eq!(
        of_scores(Metric::Spearman, &predicted, &actual),
        of_scores(Metric::Spearman, &[9., 9., 0., -9.], &actual)
    );
}

/// By counting: the smaller ones, and half of the other equal ones.
fn naive_ranks(scores: &[f32]) -> Vec<f32> {
    let rank = |score: &f32| {
        let smaller = scores.iter().filter(|other| *other < score).count() as f32;
        let equal = scores.iter().filter(|other| *other == score).count() as f32;
        smaller + (equal + 1.) / 2.
    };
    scores.iter().map(rank).collect()
}

/// Equal, or both NaN, but for rounding.
fn same(a: f64, b: f64) -> bool {
    (a.is_nan() && b.is_nan()) || (a - b).abs() < 1e-9
}

fn swapped<T: Copy>(pairs: &[(T, T)], order: &[usize]) -> (Vec<T>, Vec<T>) {
    order.iter().map(|&index| pairs[index]).unzip()
}

/// Pairs, and a permutation of their indices.
fn shuffled<T: Clone + std::fmt::Debug>(
    value: impl Strategy<Value = T> + Clone,
) -> impl Strategy<Value = (Vec<(T, T)>, Vec<usize>)> {
    proptest::collection::vec((value.clone(), value), 1..40).prop_flat_map(|pairs| {
        let order: Vec<usize> = (0..pairs.len()).collect();
        (Just(pairs), Just(order).prop_shuffle())
    })
}

proptest! {
    #[test]
    fn figures_of_classes_are_bounded_symmetric_and_blind_to_order((pairs, order) in shuffled(0u32..4)) {
        let (predicted, actual): (Vec<u32>, Vec<u32>) = pairs.iter().copied().unzip();
        let (other_predicted, other_actual) = swapped(&pairs, &order);
        for metric in OF_CLASSES {
            let figure = of_classes(metric, &predicted, &actual);
            let least = if metric == Metric::Matthews { -1. } else { 0. };
            prop_assert!((least - 1e-12..=1. + 1e-12).contains(&figure));
            prop_assert_eq!(figure, of_classes(metric, &actual, &predicted));
            prop_assert_eq!(figure, of_classes(metric, &other_predicted, &other_actual));
        }
    }

    #[test]
    fn matthews_does_not_depend_on_the_names_of_classes((pairs, _) in shuffled(0u32..4)) {
        let (predicted, actual): (Vec<u32>, Vec<u32>) = pairs.into_iter().unzip();
        let renamed = |classes: &[u32]| -> Vec<u32> { classes.iter().map(|&class| [7, u32::MAX, 0, 3][class as usize]).collect() };
        let figure = of_classes(Metric::Matthews, &predicted, &actual);
        prop_assert!(same(figure, of_classes(Metric::Matthews, &renamed(&predicted), &renamed(&actual))));
    }

    #[test]
    fn matthews_of_two_classes_is_their_pearson((pairs, _) in shuffled(0u32..2)) {
        let (predicted, actual): (Vec<u32>, Vec<u32>) = pairs.into_iter().unzip();
        let numbers = |classes: &[u32]| -> Vec<f32> { classes.iter().map(|&class| class as f32).collect() };
        let pearson = of_scores(Metric::Pearson, &numbers(&predicted), &numbers(&actual));
        let defined = if pearson.is_nan() { 0. } else { pearson };
        prop_assert!(same(of_classes(Metric::Matthews, &predicted, &actual), defined));
    }

    #[test]
    fn correlations_are_bounded_symmetric_and_blind_to_order((pairs, order) in shuffled(-9i8..9)) {
        let pairs: Vec<(f32, f32)> = pairs.into_iter().map(|(x, y)| (x.into(), y.into())).collect();
        let (x, y): (Vec<f32>, Vec<f32>) = pairs.iter().copied().unzip();
        let (other_x, other_y) = swapped(&pairs, &order);
        for metric in OF_SCORES {
            let figure = of_scores(metric, &x, &y);
            prop_assert!(figure.is_nan() || (-1. ..=1.).contains(&figure));
            prop_assert!(same(figure, of_scores(metric, &y, &x)));
            prop_assert!(same(figure, of_scores(metric, &other_x, &other_y)));
        }
    }

    #[test]
    fn correlations_survive_affine_maps_and_spearman_all_that_rise(
        (pairs, _) in shuffled(-9i8..9),
        slope in 1i8..10,
        offset in -99i8..99,
    ) {
        let (x, y): (Vec<f32>, Vec<f32>) = pairs.into_iter().map(|(x, y)| (f32::from(x), f32::from(y))).unzip();
        let mapped = |map: &dyn Fn(f32) -> f32| -> Vec<f32> { x.iter().map(|x| map(*x)).collect() };
        let (slope, offset) = (f32::from(slope), f32::from(offset));
        for metric in OF_SCORES {
            let figure = of_scores(metric, &x, &y);
            prop_assert!(same(figure, of_scores(metric, &mapped(&|x| slope * x + offset), &y)));
            prop_assert!(same(-figure, of_scores(metric, &mapped(&|x| -slope * x + offset), &y)));
        }
        let cubes = mapped(&|x| x * x * x);
        prop_assert!(same(of_scores(Metric::Spearman, &x, &y), of_scores(Metric::Spearman, &cubes, &y)));
    }

    #[test]
    fn spearman_is_the_pearson_of_ranks((pairs, _) in shuffled(-5i8..5)) {
        let (x, y): (Vec<f32>, Vec<f32>) = pairs.into_iter().map(|(x, y)| (f32::from(x), f32::from(y))).unzip();
        let of_ranks = of_scores(Metric::Pearson, &naive_ranks(&x), &naive_ranks(&y));
        prop_assert!(same(of_scores(Metric::Spearman, &x, &y), of_ranks));
    }
}
