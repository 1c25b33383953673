//! Norm of the encoder, and where it would settle.

use anyhow::{Context, Result};

use super::chart::range;
use super::curves::{Quantity, all};
use super::{Chart, Line, Look, NEUTRAL};
use crate::plot::axis::Axis;
use crate::plot::runs::{Group, RunFolder};

const NORM: Quantity = Quantity { key: "/param_norm", series: "norm", log: true };
const EQUILIBRIUM: Quantity = Quantity { key: "/equilibrium_norm", series: "equilibrium", log: true };
/// Share of the steps before predictions, made of few gradients yet, count for the range.
const UNSURE: f64 = 0.05;

/// The chart of a `norm` figure.
pub fn chart(groups: &[Group]) -> Result<Chart> {
    beside_prediction("Encoder norm ||x||", groups, NORM, EQUILIBRIUM, |group| match spikes(group) {
        Some(spikes) => format!("{}, {spikes}", group.label),
        None => group.label.clone(),
    })
}

/// A quantity on a logarithmic axis, and what the theory predicts for it as a dashed line.
pub fn beside_prediction(
    title: &'static str,
    groups: &[Group],
    quantity: Quantity,
    prediction: Quantity,
    label: impl Fn(&Group) -> String,
) -> Result<Chart> {
    let (mut lines, crosses) = all(groups, quantity, label);
    let predicted = predicted(groups, prediction);
    let last =
        lines.iter().flat_map(|line| line.points.last()).fold(0., |last, point| f64::max(last, point.0));
    let sure = predicted.iter().flat_map(|line| &line.points).filter(|point| point.0 >= UNSURE * last);
    let missing = || format!("no run has {} in its metrics: nothing to draw", &quantity.key[1..]);
    let (low, high) = range(lines.iter().flat_map(|line| &line.points)).with_context(missing)?;
    let (low, high) = range(sure).map_or((low, high), |(least, most)| (low.min(least), high.max(most)));
    let note = if predicted.is_empty() { "" } else { "dashed: predicted equilibrium" };
    lines.extend(predicted);
    Ok(Chart { note, ..Chart::over_steps(title, Axis::log(low, high, 5), lines, crosses) })
}

/// A dashed line a group, or a grey one where all are the same.
fn predicted(groups: &[Group], prediction: Quantity) -> Vec<Line> {
    let numbered = groups.iter().enumerate();
    let mut lines: Vec<Line> =
        numbered.filter_map(|(colour, group)| prediction.line(group, colour, Look::Dashed)).collect();
    if lines.len() > 1 && lines.iter().all(|line| line.points == lines[0].points) {
        let all = Line { colour: NEUTRAL, group: "all".into(), run: String::new(), ..lines.swap_remove(0) };
        return vec![all];
    }
    lines
}

/// How many steps stood out, in words; none if the runs did not count.
fn spikes(group: &Group) -> Option<String> {
    let counts: Vec<u64> = group.runs.iter().map(run_spikes).collect::<Option<_>>()?;
    let spikes = match counts.iter().sum() {
        0 => "no spikes".to_owned(),
        1 => "1 spike".to_owned(),
        several => format!("{several} spikes"),
    };
    Some(if counts.len() > 1 { format!("{spikes} in {} seeds", counts.len()) } else { spikes })
}

fn run_spikes(run: &RunFolder) -> Option<u64> {
    let counts = run.metrics.points("/spikes");
    match counts.is_empty() {
        true => {
            run.summary.as_ref().filter(|summary| summary.equilibrium_norm.is_some()).map(|end| end.spikes)
        }
        false => Some(counts.iter().map(|(_, count)| count).sum::<f64>() as u64),
    }
}
