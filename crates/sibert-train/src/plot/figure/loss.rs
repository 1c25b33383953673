//! Held-out loss, with training loss behind it.

use anyhow::{Context, Result};

use super::chart::range;
use super::curves::{Quantity, all};
use super::{Chart, Line, Look};
use crate::plot::axis::Axis;
use crate::plot::runs::{Group, RunFolder};

const TRAINING: Quantity = Quantity { key: "/loss", series: "training", log: false };
const HELD_OUT: Quantity = Quantity { key: "/eval_loss", series: "held-out", log: false };

/// The chart of a `loss` figure.
pub fn chart(groups: &[Group]) -> Result<Chart> {
    let (mut lines, _) = all(groups, HELD_OUT, |group| group.label.clone());
    let (training, crosses) = all(groups, TRAINING, |group| group.label.clone());
    let note = if lines.is_empty() || training.is_empty() { "" } else { "faint: training" };
    let title = if lines.is_empty() { "Training loss" } else { "Held-out loss" };
    match lines.is_empty() {
        true => lines = training,
        false => lines.extend(behind(groups)),
    }
    let y = axis(groups, &lines).context("no run has a loss yet: nothing to draw")?;
    Ok(Chart { note, ..Chart::over_steps(title, y, lines, crosses) })
}

/// Training loss: faint, but of runs that diverged it is often all there is.
fn behind(groups: &[Group]) -> impl Iterator<Item = Line> {
    groups.iter().enumerate().flat_map(|(colour, group)| {
        let (diverged, rest): (Vec<Line>, Vec<Line>) = TRAINING
            .lines(group, colour, String::new())
            .into_iter()
            .partition(|line| group.runs.iter().any(|run| run.name == line.run && run.diverged()));
        let mean = (!rest.is_empty()).then(|| TRAINING.line(group, colour, Look::Faint)).flatten();
        diverged.into_iter().map(|line| Line { look: Look::Seed, ..line }).chain(mean)
    })
}

/// From the lowest loss to the highest of a run that did not diverge, but no higher than where training begins.
fn axis(groups: &[Group], lines: &[Line]) -> Option<Axis> {
    let (low, _) = range(lines.iter().flat_map(|line| &line.points))?;
    let start = start(groups.iter().flat_map(|group| &group.runs)).unwrap_or(f64::INFINITY);
    let diverged = |line: &&Line| {
        groups.iter().flat_map(|group| &group.runs).any(|run| run.name == line.run && run.diverged())
    };
    let kept = range(lines.iter().filter(|line| !diverged(line)).flat_map(|line| &line.points));
    let high = kept.map_or(start, |(_, high)| high).min(1.05 * start);
    let high = if high > low { high } else { low + 1. };
    let margin = 0.04 * (high - low);
    Some(Axis::exact(low - margin, high + margin, 5))
}

/// The loss of a model that has learned nothing: the logarithm of its vocabulary's size, or what was seen first.
pub fn start<'a>(runs: impl Iterator<Item = &'a RunFolder> + Clone) -> Option<f64> {
    let first = runs.clone().filter_map(|run| Some(TRAINING.points(run).first()?.1)).reduce(f64::min);
    let uniform = runs.filter_map(uniform).reduce(f64::max);
    first.into_iter().chain(uniform).reduce(f64::max)
}

fn uniform(run: &RunFolder) -> Option<f64> {
    run.number("vocab_size").filter(|size| *size > 1.).map(f64::ln)
}
