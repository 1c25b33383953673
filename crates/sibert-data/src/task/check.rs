//! The checks of a task's file.

use super::{Metric, Split, TaskFile, normalized};
use crate::tagged;

impl TaskFile {
    /// Refuses a task that cannot be one, and puts its usual metrics where none is named.
    ///
    /// # Errors
    /// Names the key, what was expected and what was found.
    pub(super) fn checked(mut self) -> Result<Self, String> {
        self.check_name()?;
        self.check_answer()?;
        self.check_held_out()?;
        if self.defaults.epochs == Some(0) {
            return Err("epochs: expected 1 or more, found 0".into());
        }
        if self.metrics.is_empty() {
            self.metrics = match (&self.score, &self.several, self.words) {
                (Some(_), ..) => vec![Metric::Pearson, Metric::Spearman],
                (_, Some(_), _) => vec![Metric::F1Micro],
                (_, _, true) if tagged::is_of_entities(&self.labels) => vec![Metric::EntityF1],
                (_, _, true) => vec![Metric::Accuracy],
                _ => vec![Metric::Accuracy],
            };
        }
        self.check_metrics()?;
        if self.span.is_none() && !self.words && self.columns.is_none() {
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
        if self.labels.is_empty() && (self.several.is_some() || self.words)
            || self.several.is_some() && self.words
        {
            return Err("several, words: expected one of them, beside labels".into());
        }
        if self.several.as_ref().is_some_and(String::is_empty) {
            return Err("several: expected what stands between labels, as \",\", found nothing".into());
        }
        let columns = self.columns.as_ref().map(|columns| &columns.label.0);
        if self.marked && (self.several.is_none() || columns != Some(&self.labels)) {
            return Err(
                "marked: expected several, and label = [\"A\", \"B\", …], the columns named as the labels"
                    .into(),
            );
        }
        let name = |label: &String| if self.exact { label.clone() } else { normalized(label) };
        let names: Vec<String> = self.labels.iter().map(name).collect();
        for (at, (name, label)) in names.iter().zip(&self.labels).enumerate() {
            if name.is_empty() || names[..at].contains(name) {
                return Err(format!(
                    "labels: expected names that differ in letters or digits, whatever their case, found `{label}`"
                ));
            }
        }
        if names.len() == 1 && self.several.is_none() {
            return Err("labels: expected two or more, found one".into());
        }
        Ok(())
    }

    fn check_held_out(&self) -> Result<(), String> {
        let Some(share) = self.files.held_out else { return Ok(()) };
        if !(share > 0. && share < 1.) {
            return Err(format!("held_out: expected a share between 0 and 1, found {share}"));
        }
        if !self.files.of(Split::Validation).is_empty() {
            return Err("held_out: there is a validation set already, expected only one of them".into());
        }
        Ok(())
    }

    fn check_metrics(&self) -> Result<(), String> {
        let fits: &[Metric] = match (self.labels.len(), self.span) {
            _ if self.words => &[Metric::EntityF1, Metric::Accuracy],
            _ if self.several.is_some() => &[Metric::F1Micro, Metric::F1Macro, Metric::Accuracy],
            (0, None) => &[Metric::Pearson, Metric::Spearman],
            (0, Some(_)) => &[Metric::ExactMatch, Metric::F1],
            (2, _) => &[Metric::Accuracy, Metric::F1, Metric::F1Macro, Metric::Matthews],
            _ => &[Metric::Accuracy, Metric::F1Macro, Metric::Matthews],
        };
        let names = |metrics: &[Metric]| metrics.iter().map(|m| m.name()).collect::<Vec<_>>().join(", ");
        match self.metrics.iter().find(|metric| !fits.contains(metric)) {
            Some(other) => Err(format!("metrics: expected some of {}, found {}", names(fits), other.name())),
            None => Ok(()),
        }
    }
}
