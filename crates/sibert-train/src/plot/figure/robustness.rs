//! Final held-out loss over a setting that was varied, and how far it strays from the best.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use super::chart::range;
use super::loss::start;
use super::{Chart, Cross, Line, Look, Options};
use crate::plot::axis::{self, Axis, Unit};
use crate::plot::runs::settings::combination;
use crate::plot::runs::varied::{describe, key, line_keys, title};
use crate::plot::runs::{RunFolder, Settings};

/// A loss this much above the best still counts as good.
const GOOD: f64 = 1.02;

/// The runs of one line.
struct Variation<'a> {
    label: String,
    colour: usize,
    /// Value of the varied setting, and the run.
    runs: Vec<(f64, &'a RunFolder)>,
}

/// The chart of a `robustness` figure, and robustness in numbers.
pub fn chart(runs: &[RunFolder], options: &Options) -> Result<(Chart, Vec<String>)> {
    let settings = settings(runs)?;
    let over = key(&settings, options.over.as_deref())?;
    let variations = variations(runs, &settings, &over, &options.labels)?;
    let lines: Vec<Line> = variations.iter().flat_map(Variation::lines).collect();
    let crosses: Vec<Cross> = variations.iter().flat_map(Variation::crosses).collect();
    let losses = || lines.iter().flat_map(|line| &line.points);
    let (best, worst) = range(losses())
        .with_context(|| format!("no run has a held-out loss yet: nothing to draw over {over}"))?;
    let highest = start(runs.iter()).map_or(f64::INFINITY, |start| 1.05 * start);
    let mut xs: Vec<f64> = losses().map(|point| point.0).chain(crosses.iter().map(|cross| cross.x)).collect();
    xs.sort_by(f64::total_cmp);
    xs.dedup();
    let numbers =
        variations.iter().map(|variation| variation.numbers(&over)).chain(unfinished(runs)).collect();
    let chart = Chart {
        title: "Final held-out loss",
        note: "shaded: within 2 % of the best",
        x_title: title(&over),
        x_key: over,
        x: Axis::at(&xs),
        y: Axis::linear(best, worst.min(highest).max(GOOD * best), Unit::Number, 5),
        lines,
        crosses,
        rules: Vec::new(),
        band: Some((best, GOOD * best)),
    };
    Ok((chart, numbers))
}

/// The settings of every run.
fn settings(runs: &[RunFolder]) -> Result<Vec<&Settings>> {
    let missing =
        |run: &RunFolder| format!("{} has no config.toml: expected the folder of a run", run.path.display());
    runs.iter().map(|run| run.settings.as_ref().with_context(|| missing(run))).collect()
}

fn variations<'a>(
    runs: &'a [RunFolder],
    settings: &[&Settings],
    over: &str,
    labels: &[String],
) -> Result<Vec<Variation<'a>>> {
    let keys = line_keys(settings, over);
    let mut lines: Vec<(Vec<String>, Variation)> = Vec::new();
    for (run, settings_of_run) in runs.iter().zip(settings) {
        let values = combination(&keys, settings_of_run);
        let x = run.number(over).with_context(|| format!("{}: {over} is no number", run.path.display()))?;
        match lines.iter_mut().find(|(line, _)| *line == values) {
            Some((_, line)) => line.runs.push((x, run)),
            None => {
                let label = describe(&keys, settings, settings_of_run);
                let colour = lines.len();
                lines.push((values, Variation { label, colour, runs: vec![(x, run)] }));
            }
        }
    }
    let mut lines: Vec<Variation> = lines.into_iter().map(|(_, line)| line).collect();
    let names: Vec<&str> = lines.iter().map(|line| line.label.as_str()).collect();
    ensure!(
        labels.is_empty() || labels.len() == lines.len(),
        "--labels has {} names, expected {}, one for each of: {}",
        labels.len(),
        lines.len(),
        names.join("; ")
    );
    lines.iter_mut().zip(labels).for_each(|(line, label)| line.label.clone_from(label));
    Ok(lines)
}

/// Held-out loss at the end, or of a run without an end, its last.
fn final_loss(run: &RunFolder) -> Option<f64> {
    match &run.summary {
        Some(summary) => summary.eval_loss,
        None if run.diverged() => None,
        None => run.metrics.points("/eval_loss").last().map(|point| point.1),
    }
}

/// Runs whose last evaluation stands for the final one.
fn unfinished(runs: &[RunFolder]) -> impl Iterator<Item = String> {
    let judged = |run: &RunFolder| run.summary.as_ref().is_some_and(|summary| summary.eval_loss.is_some());
    runs.iter().filter(move |run| !judged(run) && !run.diverged()).map(|run| {
        match run.metrics.points("/eval_loss").last() {
            Some((step, _)) => {
                format!(
                    "{} has no summary.json: drawn with its last evaluation, at step {step}",
                    run.path.display()
                )
            }
            None if run.summary.is_some() => format!("{} held nothing out: left out", run.path.display()),
            None => format!("{} has neither summary.json nor an evaluation: left out", run.path.display()),
        }
    })
}

impl Variation<'_> {
    /// Losses of the seeds, by the varied setting.
    fn points(&self) -> Vec<(f64, f64, &str)> {
        let mut points: Vec<_> =
            self.runs.iter().filter_map(|(x, run)| Some((*x, final_loss(run)?, run.name.as_str()))).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points
    }

    /// Means of the seeds that did not diverge.
    fn means(&self) -> Vec<(f64, f64)> {
        let points = self.points();
        points
            .chunk_by(|a, b| a.0 == b.0)
            .map(|seeds| (seeds[0].0, seeds.iter().map(|seed| seed.1).sum::<f64>() / seeds.len() as f64))
            .collect()
    }

    fn lines(&self) -> Vec<Line> {
        let line = |run: &str, series, look, points| Line {
            label: if look == Look::Dotted { self.label.clone() } else { String::new() },
            group: self.label.clone(),
            run: run.to_owned(),
            series,
            colour: self.colour,
            look,
            points,
        };
        let (points, means) = (self.points(), self.means());
        let mut lines: Vec<Line> =
            points.iter().map(|&(x, y, run)| line(run, "held-out", Look::Points, vec![(x, y)])).collect();
        lines.extend((!means.is_empty()).then(|| line("", "mean", Look::Dotted, means)));
        lines
    }

    fn crosses(&self) -> Vec<Cross> {
        let diverged = self.runs.iter().filter(|(_, run)| run.diverged());
        let by_value: BTreeMap<_, _> = diverged.map(|(x, run)| (x.to_bits(), (*x, run))).collect();
        let alone = self.means().is_empty();
        let mut crosses: Vec<Cross> = by_value
            .into_values()
            .map(|(x, run)| Cross {
                x,
                y: None,
                colour: self.colour,
                group: self.label.clone(),
                run: run.name.clone(),
                text: String::new(),
            })
            .collect();
        crosses.sort_by(|a, b| a.x.total_cmp(&b.x));
        if let Some(last) = crosses.last_mut().filter(|_| alone) {
            last.text.clone_from(&self.label);
        }
        crosses
    }

    /// Best and worst mean of the line, and where it diverged, which is worse than any mean.
    fn numbers(&self, over: &str) -> String {
        let at = |value: f64| axis::value(value, Unit::Number);
        let means = self.means();
        let by_loss = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let mut parts = Vec::new();
        if let (Some(best), Some(worst)) = (means.iter().min_by(by_loss), means.iter().max_by(by_loss)) {
            parts.push(format!("best {:.3} at {over} {}", best.1, at(best.0)));
            if means.len() > 1 {
                parts.push(format!(
                    "worst {:.3} at {}, worst/best {:.3}",
                    worst.1,
                    at(worst.0),
                    worst.1 / best.1
                ));
            }
        }
        let diverged: Vec<String> = self.crosses().iter().map(|cross| at(cross.x)).collect();
        if !diverged.is_empty() {
            let word = if means.is_empty() { "diverged at" } else { "of what did not diverge; diverged at" };
            parts.push(format!("{word} {}", diverged.join(", ")));
        }
        let numbers = parts.join(", ");
        if self.label.is_empty() { numbers } else { format!("{}: {numbers}", self.label) }
    }
}
