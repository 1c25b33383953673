//! Figures of texts for which several labels may hold.

use sibert_data::task::Metric;

use super::per_class::{Counts, f1};

/// A figure of predicted beside actual labels, each list ascending, of `count` labels in all; NaN of no rows, of unequally
/// many, and of another metric.
///
/// Accuracy is the share of texts whose labels are all right.
pub fn of_labels<L: AsRef<[u32]>>(metric: Metric, predicted: &[L], actual: &[L], count: usize) -> f64 {
    if predicted.is_empty() || predicted.len() != actual.len() {
        return f64::NAN;
    }
    let counts = || label_counts(predicted, actual, count);
    match metric {
        Metric::Accuracy => {
            let right = predicted.iter().zip(actual).filter(|(p, a)| p.as_ref() == a.as_ref()).count();
            right as f64 / actual.len() as f64
        }
        Metric::F1Micro => f1(counts().into_iter().sum()),
        Metric::F1Macro => counts().into_iter().map(f1).sum::<f64>() / count as f64,
        _ => f64::NAN,
    }
}

/// How often each label is predicted, holds, and both.
pub fn label_counts<L: AsRef<[u32]>>(predicted: &[L], actual: &[L], count: usize) -> Vec<Counts> {
    let mut counts = vec![Counts::default(); count];
    for (predicted, actual) in predicted.iter().zip(actual) {
        let (predicted, actual) = (predicted.as_ref(), actual.as_ref());
        predicted.iter().for_each(|label| counts[*label as usize].predicted += 1);
        actual.iter().for_each(|label| counts[*label as usize].actual += 1);
        let both = predicted.iter().filter(|label| actual.contains(label));
        both.for_each(|label| counts[*label as usize].right += 1);
    }
    counts
}
