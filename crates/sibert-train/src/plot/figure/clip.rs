//! Gradient norms against the clipping threshold, and how often it was passed.

use anyhow::{Result, ensure};

use super::Chart;
use super::chart::range;
use super::curves::{Quantity, all};
use crate::plot::axis::{self, Axis, Unit};
use crate::plot::runs::{Group, RunFolder};

const RATIO: Quantity = Quantity { key: "/max_gradient_ratio", series: "gradient ratio", log: true };
const RATE: Quantity = Quantity { key: "/clip_rate", series: "clip rate", log: false };

/// The charts of a `clip` figure; one without data is left out.
pub fn charts(groups: &[Group]) -> Result<Vec<Chart>> {
    let charts: Vec<Chart> = [ratios(groups), rates(groups)].into_iter().flatten().collect();
    ensure!(
        !charts.is_empty(),
        "nothing to draw: expected max_gradient_ratio or a clip_rate above 0 in the metrics of a run trained by SGD"
    );
    Ok(charts)
}

/// Largest gradients in units of the equilibrium's, √(2λ/η)·‖x‖.
fn ratios(groups: &[Group]) -> Option<Chart> {
    let (lines, crosses) = all(groups, RATIO, |group| group.label.clone());
    let rules = thresholds(groups);
    let (low, high) = range(lines.iter().flat_map(|line| &line.points))?;
    let (low, high) =
        rules.iter().fold((low, high), |(low, high), (rule, _)| (low.min(*rule), high.max(*rule)));
    let chart = Chart::over_steps("Gradient norm / equilibrium", Axis::log(low, high, 5), lines, crosses);
    Some(Chart { note: "largest of each report", rules, ..chart })
}

/// The different √C of the runs.
fn thresholds(groups: &[Group]) -> Vec<(f64, String)> {
    let runs = groups.iter().flat_map(|group| &group.runs);
    let mut thresholds: Vec<f64> = runs.filter_map(threshold).collect();
    thresholds.sort_by(f64::total_cmp);
    thresholds.dedup();
    thresholds.iter().map(|&root| (root, format!("√C = {}", axis::value(root, Unit::Number)))).collect()
}

/// √C of a run that clips relative to the norm of its parameters.
fn threshold(run: &RunFolder) -> Option<f64> {
    let rule = run.settings.as_ref()?.get("optimizer")?.as_str()?;
    run.number("clip").filter(|_| rule == "sisgd")
}

/// Share of steps clipped, of the groups that clip.
fn rates(groups: &[Group]) -> Option<Chart> {
    let (mut lines, crosses) = all(groups, RATE, |group| group.label.clone());
    let clipping: Vec<&str> =
        groups.iter().filter(|group| clips(group)).map(|group| group.label.as_str()).collect();
    lines.retain(|line| clipping.contains(&line.group.as_str()));
    let (_, high) = range(lines.iter().flat_map(|line| &line.points))?;
    let crosses = crosses.into_iter().filter(|cross| clipping.contains(&cross.group.as_str())).collect();
    let y = Axis::linear(0., high.max(0.01), Unit::Percent, 5);
    Some(Chart::over_steps("Steps clipped", y, lines, crosses))
}

fn clips(group: &Group) -> bool {
    let clipped = |run: &RunFolder| RATE.points(run).iter().any(|(_, rate)| *rate > 0.);
    group.runs.iter().any(|run| threshold(run).is_some() || clipped(run))
}
