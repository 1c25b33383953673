//! The results of the runs: one row a run, and groups of runs that differ by their seed alone.

use serde::Serialize;

use super::axis::SEED;
use super::grid::{Grid, SweptRun};
use super::state::State;
use super::train::Trained;
use crate::log::Summary;
use crate::metrics::statistics;

/// A run and how far it came.
pub struct Row<'a> {
    /// The run.
    pub run: &'a SweptRun,
    /// The state of its folder.
    pub state: &'a State,
    /// Why it failed just now.
    pub failure: Option<&'a str>,
}

/// Runs that differ by their seed alone.
pub struct Group<'a> {
    /// Their value on each axis but that of the seeds.
    pub values: Vec<&'a str>,
    /// The runs.
    pub rows: Vec<Row<'a>>,
}

/// A figure over the seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Its mean.
    pub mean: f64,
    /// Its standard deviation, with n − 1; none for one seed.
    pub sd: Option<f64>,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Row<'_> {
    /// The summary of a run that reached its last step.
    pub fn finished(&self) -> Option<&Summary> {
        match self.state {
            State::Over(summary) if summary.diverged.is_none() => Some(summary),
            _ => None,
        }
    }

    /// The summary of a run that is over.
    pub fn summary(&self) -> Option<&Summary> {
        match self.state {
            State::Over(summary) => Some(summary),
            State::New | State::Half => None,
        }
    }

    /// `finished`, `diverged`, `failed`, `half` or `new`.
    pub fn word(&self) -> &'static str {
        if self.failure.is_some() { "failed" } else { self.state.word() }
    }
}

/// The rows of a grid in groups, in its order.
pub fn groups<'a>(grid: &'a Grid, trained: &'a Trained) -> Vec<Group<'a>> {
    let is_seed: Vec<bool> = grid.axes.iter().map(|axis| axis.name == SEED).collect();
    let mut groups: Vec<Group> = Vec::new();
    for ((run, state), failure) in grid.runs.iter().zip(&trained.states).zip(&trained.failures) {
        let values = run.values.iter().zip(&is_seed).filter(|(_, is_seed)| !**is_seed);
        let values: Vec<&str> = values.map(|(value, _)| value.text.as_str()).collect();
        let row = Row { run, state, failure: failure.as_deref() };
        match groups.iter_mut().find(|group| group.values == values) {
            Some(group) => group.rows.push(row),
            None => groups.push(Group { values, rows: vec![row] }),
        }
    }
    groups
}

impl Group<'_> {
    /// A figure over the seeds that finished; none if there is none.
    pub fn spread(&self, figure: impl Fn(&Summary) -> Option<f64>) -> Option<Spread> {
        let values: Vec<f64> = self.rows.iter().filter_map(Row::finished).filter_map(figure).collect();
        let found = statistics::Summary::of(&values)?;
        Some(Spread {
            mean: found.mean,
            sd: found.standard_deviation,
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    }

    /// How many runs are described by a word of [`Row::word`].
    pub fn count(&self, word: &str) -> usize {
        self.rows.iter().filter(|row| row.word() == word).count()
    }
}
