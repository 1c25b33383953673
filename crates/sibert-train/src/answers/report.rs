//! A table of figures for each class, and which class is taken for which.

use std::fmt;

use serde::Serialize;

use crate::metrics::{self, Counts};

/// Figures of each class.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The classes.
    pub classes: Vec<OfClass>,
    /// How often each class (the row) is taken for each (the column); of labels that exclude each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confusion: Option<Vec<Vec<usize>>>,
}

/// Figures of one class, from 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OfClass {
    /// Its name.
    pub name: String,
    /// The share of what is predicted that is right.
    pub precision: f64,
    /// The share of what there is that is found.
    pub recall: f64,
    /// Their harmonic mean.
    pub f1: f64,
    /// How often it is in the data.
    pub support: usize,
}

/// The figures of classes by their counts.
pub fn of_classes(names: &[String], counts: &[Counts], confusion: Option<Vec<Vec<usize>>>) -> Report {
    let of_one = |(name, counts): (&String, &Counts)| OfClass {
        name: name.clone(),
        precision: metrics::precision(*counts),
        recall: metrics::recall(*counts),
        f1: metrics::f1(*counts),
        support: counts.actual,
    };
    Report { classes: names.iter().zip(counts).map(of_one).collect(), confusion }
}

/// More classes than these are not set beside each other: the numbers would be many, and hardly one above 0.
const MOST_BESIDE: usize = 100;

/// The figures of classes of which one is predicted and one is right.
pub fn of_predictions(names: &[String], predicted: &[u32], actual: &[u32]) -> Report {
    let counts = metrics::class_counts(predicted, actual, names.len());
    let confusion = || metrics::confusion(predicted, actual, names.len());
    of_classes(names, &counts, (names.len() <= MOST_BESIDE).then(confusion))
}

impl fmt::Display for Report {
    /// A line for each class, in percent, and the mean of them.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let width = self.classes.iter().map(|class| class.name.chars().count()).max().unwrap_or(0).max(5);
        write!(f, "{:<width$} {:>9} {:>7} {:>7} {:>8}", "class", "precision", "recall", "f1", "support")?;
        let line = |f: &mut fmt::Formatter, name: &str, [precision, recall, f1]: [f64; 3], support: usize| {
            let [precision, recall, f1] =
                [precision, recall, f1].map(|figure| format!("{:.1}", 100. * figure));
            write!(f, "\n{name:<width$} {precision:>9} {recall:>7} {f1:>7} {support:>8}")
        };
        for class in &self.classes {
            line(f, &class.name, [class.precision, class.recall, class.f1], class.support)?;
        }
        let mean = |figure: fn(&OfClass) -> f64| {
            self.classes.iter().map(figure).sum::<f64>() / self.classes.len().max(1) as f64
        };
        let means = [mean(|class| class.precision), mean(|class| class.recall), mean(|class| class.f1)];
        line(f, "mean", means, self.classes.iter().map(|class| class.support).sum())
    }
}
