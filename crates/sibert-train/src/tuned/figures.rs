//! The figures of a task by name, and the one that chooses the best checkpoint.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use sibert_data::task::{Metric, Split, Task};

use crate::answers;

/// Figures by name; none where one is not defined, as a correlation with a constant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Figures(BTreeMap<String, Option<f64>>);

impl Figures {
    /// Adds a figure; one that is not finite is none.
    pub fn insert(&mut self, name: &str, value: f64) {
        self.0.insert(name.to_owned(), Some(value).filter(|value| value.is_finite()));
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The figure of a name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied().flatten()
    }

    /// Names and figures, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<f64>)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }
}

/// The metrics of a task on a set, each with the figure's name: MNLI's mismatched set has `_mm` behind it.
pub fn figure_names(task: Task, split: Split) -> Vec<(Metric, String)> {
    let suffix = if split == Split::ValidationMismatched { "_mm" } else { "" };
    task.metrics().iter().map(|metric| (*metric, format!("{}{suffix}", metric.name()))).collect()
}

/// The figure that chooses: the mean of those that decide for the kind of answer; none if one of them is not defined.
///
/// As `combined_score` of transformers' run_glue, with MNLI's two sets joined as on the leaderboard.
pub fn main_value(task: Task, figures: &Figures) -> Option<f64> {
    let deciding = answers::of(task).deciding();
    let names = task.validation_splits().flat_map(|split| figure_names(task, split));
    let names = names.filter(|(metric, _)| deciding.contains(metric));
    let values: Vec<f64> = names.map(|(_, name)| figures.get(&name)).collect::<Option<_>>()?;
    Some(values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn task(name: &str) -> Task {
        name.parse().unwrap()
    }

    fn figures(values: &[(&str, f64)]) -> Figures {
        let mut figures = Figures::default();
        values.iter().for_each(|(name, value)| figures.insert(name, *value));
        figures
    }

    #[test]
    fn a_task_of_two_figures_is_chosen_by_their_mean() {
        let mrpc = figures(&[("accuracy", 0.8), ("f1", 0.9)]);
        assert!((main_value(task("mrpc"), &mrpc).unwrap() - 0.85).abs() < 1e-12);
        let mnli = figures(&[("accuracy", 0.6), ("accuracy_mm", 0.7)]);
        assert!((main_value(task("mnli"), &mnli).unwrap() - 0.65).abs() < 1e-12);
        let squad = figures(&[("exact_match", 60.), ("f1", 70.)]);
        assert_eq!(main_value(task("squad"), &squad), Some(70.));
    }

    #[test]
    fn an_undefined_figure_survives_json_as_null_and_chooses_nothing() {
        let constant = figures(&[("pearson", f64::NAN), ("spearman", 0.5)]);
        assert_eq!(main_value(task("stsb"), &constant), None);
        let json = serde_json::to_string(&constant).unwrap();
        assert_eq!(json, r#"{"pearson":null,"spearman":0.5}"#);
        assert_eq!(serde_json::from_str::<Figures>(&json).unwrap(), constant);
    }
}
