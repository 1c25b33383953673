//! Curves of groups over the steps: a line a run, the mean of several seeds, and crosses where runs diverged.

use super::{Cross, Line, Look};
use crate::plot::runs::{Group, RunFolder};

/// Points by step.
type Points = Vec<(f64, f64)>;

/// A quantity of `metrics.jsonl`.
#[derive(Clone, Copy)]
pub struct Quantity {
    /// Its JSON pointer.
    pub key: &'static str,
    /// Its name in the table.
    pub series: &'static str,
    /// Whether values at or below 0 have no place on its axis.
    pub log: bool,
}

impl Quantity {
    /// Its points in a run.
    pub fn points(&self, run: &RunFolder) -> Points {
        let mut points = run.metrics.points(self.key);
        points.retain(|(_, value)| !self.log || *value > 0.);
        points
    }

    /// The mean over the runs of a group that did not diverge, or over all if all did.
    pub fn mean(&self, group: &Group) -> Points {
        let survivors: Vec<Points> =
            group.runs.iter().filter(|run| !run.diverged()).map(|run| self.points(run)).collect();
        match survivors.is_empty() {
            true => mean(&group.runs.iter().map(|run| self.points(run)).collect::<Vec<_>>()),
            false => mean(&survivors),
        }
    }

    /// One line for the group, of its mean.
    pub fn line(&self, group: &Group, colour: usize, look: Look) -> Option<Line> {
        let run = if let [run] = group.runs.as_slice() { run.name.clone() } else { String::new() };
        let points = self.mean(group);
        let line = Line {
            label: String::new(),
            group: group.label.clone(),
            run,
            series: self.series,
            colour,
            look,
            points,
        };
        (!line.points.is_empty()).then_some(line)
    }

    /// A line of every run, and the mean of several in front; the foremost line has the label.
    pub fn lines(&self, group: &Group, colour: usize, label: String) -> Vec<Line> {
        let survives = group.runs.iter().any(|run| !run.diverged());
        let several = group.runs.len() > 1;
        let look = if several { Look::Seed } else { Look::Main };
        let mut lines: Vec<Line> =
            group.runs.iter().map(|run| self.run_line(group, run, colour, look)).collect();
        if several && survives {
            lines.extend(self.line(group, colour, Look::Main).map(|line| Line { series: "mean", ..line }));
        }
        lines.retain(|line| !line.points.is_empty());
        if let Some(last) = lines.last_mut().filter(|_| survives) {
            last.label = label;
        }
        lines
    }

    fn run_line(&self, group: &Group, run: &RunFolder, colour: usize, look: Look) -> Line {
        Line {
            label: String::new(),
            group: group.label.clone(),
            run: run.name.clone(),
            series: self.series,
            colour,
            look,
            points: self.points(run),
        }
    }

    /// Crosses at the last values of the runs that diverged; the last cross has a text.
    pub fn crosses(&self, group: &Group, colour: usize) -> Vec<Cross> {
        let survives = group.runs.iter().any(|run| !run.diverged());
        let diverged = group.runs.iter().filter(|run| run.diverged());
        let mut crosses: Vec<Cross> = diverged
            .filter_map(|run| {
                let &(x, y) = self.points(run).last()?;
                let (group, run) = (group.label.clone(), run.name.clone());
                Some(Cross { x, y: Some(y), colour, group, run, text: String::new() })
            })
            .collect();
        crosses.sort_by(|a, b| a.x.total_cmp(&b.x));
        let count = crosses.len();
        if let Some(last) = crosses.last_mut() {
            last.text = match survives {
                true => format!("{count} of {} diverged", group.runs.len()),
                false => format!("{} diverged", group.label),
            };
        }
        crosses
    }
}

/// Lines and crosses of all groups.
pub fn all(
    groups: &[Group],
    quantity: Quantity,
    label: impl Fn(&Group) -> String,
) -> (Vec<Line>, Vec<Cross>) {
    let numbered = || groups.iter().enumerate();
    (
        numbered().flat_map(|(colour, group)| quantity.lines(group, colour, label(group))).collect(),
        numbered().flat_map(|(colour, group)| quantity.crosses(group, colour)).collect(),
    )
}

/// The mean at the steps that all have.
fn mean(runs: &[Points]) -> Points {
    let Some((first, others)) = runs.split_first() else { return Vec::new() };
    let value = |points: &Points, step: f64| {
        let found = points.binary_search_by(|point| point.0.total_cmp(&step)).ok()?;
        Some(points[found].1)
    };
    first
        .iter()
        .filter_map(|&(step, y)| {
            let rest: Option<f64> = others.iter().map(|points| value(points, step)).sum();
            Some((step, (y + rest?) / runs.len() as f64))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_over_the_steps_that_all_seeds_have() {
        let seeds = [vec![(1., 2.), (2., 4.), (3., 6.)], vec![(1., 4.), (3., 10.), (4., 1.)]];
        assert_eq!(mean(&seeds), [(1., 3.), (3., 8.)]);
        assert_eq!(mean(&seeds[..1]), seeds[0]);
        assert_eq!(mean(&[]), []);
    }
}
