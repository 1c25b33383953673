//! Precision, recall and F1 of each class, and which class is taken for which.

use std::iter::Sum;

use serde::{Deserialize, Serialize};

/// How often a class is predicted, is right, and both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Predicted and right: TP.
    pub right: usize,
    /// Predicted: TP + FP.
    pub predicted: usize,
    /// In the data: TP + FN.
    pub actual: usize,
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |sum, one| Self {
            right: sum.right + one.right,
            predicted: sum.predicted + one.predicted,
            actual: sum.actual + one.actual,
        })
    }
}

/// `TP / (TP + FP)`; 0 if nothing is predicted.
pub fn precision(counts: Counts) -> f64 {
    ratio(counts.right, counts.predicted)
}

/// `TP / (TP + FN)`; 0 if there is nothing to find.
pub fn recall(counts: Counts) -> f64 {
    ratio(counts.right, counts.actual)
}

/// `2 TP / (2 TP + FP + FN)`; 0 if there is neither.
pub fn f1(counts: Counts) -> f64 {
    ratio(2 * counts.right, counts.predicted + counts.actual)
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0. } else { part as f64 / whole as f64 }
}

/// The counts of each of `count` classes.
pub fn class_counts(predicted: &[u32], actual: &[u32], count: usize) -> Vec<Counts> {
    let mut counts = vec![Counts::default(); count];
    for (&predicted, &actual) in predicted.iter().zip(actual) {
        counts[predicted as usize].predicted += 1;
        counts[actual as usize].actual += 1;
        counts[actual as usize].right += usize::from(predicted == actual);
    }
    counts
}

/// The mean F1 of the classes that are predicted or in the data, as scikit-learn's macro average.
pub fn macro_f1(predicted: &[u32], actual: &[u32]) -> f64 {
    let count = predicted.iter().chain(actual).max().map_or(0, |most| *most as usize + 1);
    let counts = class_counts(predicted, actual, count).into_iter();
    let there: Vec<f64> = counts.filter(|counts| counts.predicted + counts.actual > 0).map(f1).collect();
    there.iter().sum::<f64>() / there.len() as f64
}

/// How often each class (the row) is taken for each (the column).
pub fn confusion(predicted: &[u32], actual: &[u32], count: usize) -> Vec<Vec<usize>> {
    let mut counts = vec![vec![0; count]; count];
    for (predicted, actual) in predicted.iter().zip(actual) {
        counts[*actual as usize][*predicted as usize] += 1;
    }
    counts
}
