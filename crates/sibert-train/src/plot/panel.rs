//! One panel of the small multiples: the chart of a quantity over the steps, of all runs.

use plotters::prelude::DrawingBackend;

use super::axis::{self, Axis, Unit};
use super::canvas::Canvas;
use super::figure::{Chart, Line, Look};
use super::frame::TEXT;
use super::series::Series;

/// A quantity of `metrics.jsonl`, by JSON pointer.
pub struct Panel {
    title: &'static str,
    key: &'static str,
    /// The same quantity on held-out sentences.
    held_out: Option<&'static str>,
    unit: Unit,
    log: bool,
}

const fn panel(title: &'static str, key: &'static str, unit: Unit, log: bool) -> Panel {
    Panel { title, key, held_out: None, unit, log }
}

/// All quantities, in the order of reading.
const PANELS: [Panel; 17] = [
    Panel { held_out: Some("/eval_loss"), ..panel("Masked-LM loss", "/loss", Unit::Number, false) },
    Panel {
        held_out: Some("/eval_accuracy"),
        ..panel("Masked-word accuracy", "/masked_accuracy", Unit::Percent, false)
    },
    panel("Accuracy, development set", "/figures/accuracy", Unit::Percent, false),
    panel("Accuracy, mismatched set", "/figures/accuracy_mm", Unit::Percent, false),
    panel("F1, development set", "/figures/f1", Unit::Number, false),
    panel("Exact match, development set", "/figures/exact_match", Unit::Number, false),
    panel("Matthews, development set", "/figures/matthews", Unit::Number, false),
    panel("Pearson, development set", "/figures/pearson", Unit::Number, false),
    panel("Spearman, development set", "/figures/spearman", Unit::Number, false),
    panel("Learning rate η", "/lr", Unit::Number, false),
    panel("Encoder norm ||x||", "/param_norm", Unit::Number, true),
    panel("Gradient norm ||g||", "/grad_norm", Unit::Number, true),
    panel("Clipped steps", "/clip_rate", Unit::Percent, false),
    panel("Effective learning rate η/||x||²", "/effective_lr", Unit::Number, true),
    panel("Angle per step, radians", "/angle", Unit::Number, true),
    panel("Tokens per second", "/timing/tokens_per_second", Unit::Number, false),
    panel("Samples per second", "/timing/samples_per_second", Unit::Number, false),
];

/// The charts of all quantities that any run has something to show of.
pub fn charts(runs: &[Series]) -> Vec<Chart> {
    PANELS.iter().filter_map(|panel| panel.chart(runs)).collect()
}

impl Panel {
    fn chart(&self, runs: &[Series]) -> Option<Chart> {
        let lines = self.lines(runs);
        let values = || lines.iter().flat_map(|line| line.points.iter().map(|point| point.1));
        let (low, high) = (values().reduce(f64::min)?, values().reduce(f64::max)?);
        let y = if self.log { Axis::log(low, high, 5) } else { Axis::linear(low, high, self.unit, 5) };
        let has_held_out = lines.iter().any(|line| line.look == Look::Main);
        let note = if runs.len() > 1 && has_held_out { "thin: training" } else { "" };
        Some(Chart { note, ..Chart::over_steps(self.title, y, lines, Vec::new()) })
    }

    /// A line of every run, of training and of what is held out.
    fn lines(&self, runs: &[Series]) -> Vec<Line> {
        let has_held_out =
            self.held_out.is_some_and(|key| runs.iter().any(|run| !self.points(run, key).is_empty()));
        let training = if has_held_out { Look::Training } else { Look::Alone };
        let mut lines = Vec::new();
        for (key, series, look) in
            [(Some(self.key), "training", training), (self.held_out, "held-out", Look::Main)]
        {
            let Some(key) = key else { continue };
            for (colour, run) in runs.iter().enumerate() {
                let points = self.points(run, key);
                if let Some(&(_, last)) = points.last() {
                    let label = self.label(runs, run, series, last);
                    let (group, run) = (run.name.clone(), String::new());
                    lines.push(Line { label, group, run, series, colour, look, points });
                }
            }
        }
        lines
    }

    /// The points that can be drawn; a quantity that is 0 throughout (no clipping, no optimizer of this kind) says nothing.
    fn points(&self, run: &Series, key: &str) -> Vec<(f64, f64)> {
        let mut points = run.points(key);
        points.retain(|(_, value)| !self.log || *value > 0.);
        if points.iter().all(|(_, value)| *value == 0.) { Vec::new() } else { points }
    }

    /// One run: its last value. Several: the name, once a run.
    fn label(&self, runs: &[Series], run: &Series, series: &str, last: f64) -> String {
        let last = axis::value(last, self.unit);
        let twice = self.held_out.is_some_and(|key| !run.points(key).is_empty());
        match (runs.len(), twice) {
            (1, true) => format!("{series} {last}"),
            (1, false) => last,
            _ if twice && series == "training" => String::new(),
            _ => run.name.clone(),
        }
    }
}

/// Room for the labels of any panel.
pub fn label_width<DB: DrawingBackend>(canvas: &Canvas<DB>, runs: &[Series]) -> f64 {
    match runs {
        [_] => canvas.text_width("held-out 00.0 %", TEXT),
        _ => runs.iter().map(|run| canvas.text_width(&run.name, TEXT)).fold(20., f64::max).min(130.),
    }
}
