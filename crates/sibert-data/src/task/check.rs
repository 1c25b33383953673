//! The checks of a task's file.

use super::{Metric, TaskFile, normalized};

impl TaskFile {
    /// Refuses a task that cannot be one, and puts its usual metrics where none is named.
    ///
    /// # Errors
    /// Names the key, what was expected and what was found.
    pub(super) fn checked(mut self) -> Result<Self, String> {
        self.check_name()?;
        self.check_answer()?;
        if self.metrics.is_empty() {
            self.metrics = match self.score {
                Some(_) => vec![Metric::Pearson, Metric::Spearman],
                None => vec![Metric::Accuracy],
            };
        }
        self.check_metrics()?;
        if self.span.is_none() && self.columns.is_none() {
            return Err("no [columns]: expected text = \"NAME\" and label = \"NAME\"".into());
        }
        Ok(self)
    }

    fn check_name(&self) -> Result<(), String> {
        let fits =
            |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "_-".contains(letter);
        if self.name.is_empty() || !self.name.chars().all(fits) {
            return Err(format!("name: expected small letters, digits, _ and -, found `{}`", self.name));
        }
        Ok(())
    }

    fn check_answer(&self) -> Result<(), String> {
        let kinds = [!self.labels.is_empty(), self.score.is_some(), self.span.is_some()];
        if kinds.into_iter().filter(|kind| *kind).count() != 1 {
            return Err(
                "expected either labels = [\"A\", \"B\", …] for classes or score = {} for numbers".into()
            );
        }
        let names: Vec<String> = self.labels.iter().map(|label| normalized(label)).collect();
        for (at, (name, label)) in names.iter().zip(&self.labels).enumerate() {
            if name.is_empty() || names[..at].contains(name) {
                return Err(format!(
                    "labels: expected names that differ in letters or digits, whatever their case, found `{label}`"
                ));
            }
        }
        if names.len() == 1 {
            return Err("labels: expected two or more, found one".into());
        }
        Ok(())
    }

    fn check_metrics(&self) -> Result<(), String> {
        let fits: &[Metric] = match (self.labels.len(), self.span) {
            (0, None) => &[Metric::Pearson, Metric::Spearman],
            (0, Some(_)) => &[Metric::ExactMatch, Metric::F1],
            (2, _) => &[Metric::Accuracy, Metric::F1, Metric::Matthews],
            _ => &[Metric::Accuracy, Metric::Matthews],
        };
        let names = |metrics: &[Metric]| metrics.iter().map(|m| m.name()).collect::<Vec<_>>().join(", ");
        match self.metrics.iter().find(|metric| !fits.contains(metric)) {
            Some(other) => Err(format!("metrics: expected some of {}, found {}", names(fits), other.name())),
            None => Ok(()),
        }
    }
}
