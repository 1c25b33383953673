//! Figures of predicted classes.

use std::collections::BTreeMap;

use sibert_data::task::Metric;

use super::per_class::macro_f1;

/// A figure of predicted beside actual classes; NaN of no rows, of unequally many, and of a metric of scores.
pub fn of_classes(metric: Metric, predicted: &[u32], actual: &[u32]) -> f64 {
    if predicted.is_empty() || predicted.len() != actual.len() {
        return f64::NAN;
    }
    match metric {
        Metric::Accuracy => right(predicted, actual) / actual.len() as f64,
        Metric::F1 => f1(predicted, actual),
        Metric::F1Macro => macro_f1(predicted, actual),
        Metric::Matthews => matthews(predicted, actual),
        _ => f64::NAN,
    }
}

fn right(predicted: &[u32], actual: &[u32]) -> f64 {
    predicted.iter().zip(actual).filter(|(predicted, actual)| predicted == actual).count() as f64
}

/// Of class 1 against all others.
fn f1(predicted: &[u32], actual: &[u32]) -> f64 {
    let positive = |classes: &[u32]| classes.iter().filter(|class| **class == 1).count();
    let both = predicted.iter().zip(actual).filter(|pair| *pair == (&1, &1)).count();
    match positive(predicted) + positive(actual) {
        0 => 0.,
        either => 2. * both as f64 / either as f64, // TP + FP + TP + FN
    }
}

/// For any number of classes; sums are whole numbers, exact below 2⁵³.
fn matthews(predicted: &[u32], actual: &[u32]) -> f64 {
    let mut counts: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
    for (predicted, actual) in predicted.iter().zip(actual) {
        counts.entry(*predicted).or_default().0 += 1.;
        counts.entry(*actual).or_default().1 += 1.;
    }
    let sum = |product: fn(&(f64, f64)) -> f64| counts.values().map(product).sum::<f64>();
    let rows = actual.len() as f64;
    let covariance = rows * right(predicted, actual) - sum(|(predicted, actual)| predicted * actual);
    let of_predicted = rows * rows - sum(|(predicted, _)| predicted * predicted);
    let of_actual = rows * rows - sum(|(_, actual)| actual * actual);
    let scale = (of_predicted * of_actual).sqrt();
    if scale == 0. { 0. } else { covariance / scale }
}
