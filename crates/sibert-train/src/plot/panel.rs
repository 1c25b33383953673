//! One panel: a quantity over the steps, of all runs.

use anyhow::Result;
use plotters::prelude::{Color, DrawingBackend, RGBColor};
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::{self, Axis, Unit};
use super::canvas::{Canvas, GREY, INK, PALETTE, Point, lighten};
use super::frame::{EndLabel, Frame, TEXT, TITLE, draw_grid, draw_labels};
use super::series::{Bin, Series, bins};

/// Curves with more points are drawn as means in a band.
pub const MOST_POINTS: usize = 150;
/// Curves with more evaluations are drawn without dots.
pub const MOST_DOTS: usize = 40;

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
pub const PANELS: [Panel; 9] = [
    Panel { held_out: Some("/eval_loss"), ..panel("Masked-LM loss", "/loss", Unit::Number, false) },
    Panel {
        held_out: Some("/eval_accuracy"),
        ..panel("Masked-word accuracy", "/masked_accuracy", Unit::Percent, false)
    },
    panel("Learning rate η", "/lr", Unit::Number, false),
    panel("Encoder norm ||x||", "/param_norm", Unit::Number, true),
    panel("Gradient norm ||g||", "/grad_norm", Unit::Number, true),
    panel("Clipped steps", "/clip_rate", Unit::Percent, false),
    panel("Effective learning rate η/||x||²", "/effective_lr", Unit::Number, true),
    panel("Angle per step, radians", "/angle", Unit::Number, true),
    panel("Tokens per second", "/timing/tokens_per_second", Unit::Number, false),
];

/// One line of a panel.
struct Curve {
    bins: Vec<Bin>,
    held_out: bool,
    colour: RGBColor,
    /// Empty: no label.
    label: String,
}

impl Panel {
    /// Whether any run has something to show.
    pub fn has_data(&self, runs: &[Series]) -> bool {
        !self.curves(runs).is_empty()
    }

    /// Draws the panel; the lowest of a column names the unit of the steps.
    pub fn draw<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<DB>,
        frame: &Frame,
        runs: &[Series],
        lowest: bool,
    ) -> Result<()> {
        let curves = self.curves(runs);
        let (x, y) = self.axes(&curves);
        self.draw_title(canvas, frame, &curves, runs.len() > 1)?;
        draw_grid(canvas, frame, &x, &y)?;
        if lowest {
            let middle = (frame.left + frame.right) / 2.;
            canvas.text("step", (middle, frame.bottom + 19.), (HPos::Center, VPos::Top), TEXT, GREY)?;
        }
        for curve in &curves {
            draw_curve(canvas, frame, &x, &y, curve, curves.iter().any(|curve| curve.held_out))?;
        }
        let ends = curves.iter().filter(|curve| !curve.label.is_empty()).filter_map(|curve| {
            let last = curve.bins.last()?;
            let end = frame.point(&x, &y, (last.step, last.mean));
            Some(EndLabel { end, text: curve.label.clone(), colour: curve.colour })
        });
        draw_labels(canvas, frame, ends.collect())
    }

    /// Training lines first, so that held-out ones lie above them.
    fn curves(&self, runs: &[Series]) -> Vec<Curve> {
        let mut curves = Vec::new();
        for (key, held_out) in [(Some(self.key), false), (self.held_out, true)] {
            let Some(key) = key else { continue };
            for (run, colour) in runs.iter().zip(PALETTE.iter().cycle()) {
                let bins = self.bins(run, key);
                if let Some(last) = bins.last() {
                    let label = self.label(runs, run, held_out, last.mean);
                    curves.push(Curve { bins, held_out, colour: *colour, label });
                }
            }
        }
        curves
    }

    /// What can be drawn; a quantity that is 0 throughout (no clipping, no optimizer of this kind) says nothing.
    fn bins(&self, run: &Series, key: &str) -> Vec<Bin> {
        let mut points = run.points(key);
        points.retain(|(_, value)| !self.log || *value > 0.);
        match points.iter().all(|(_, value)| *value == 0.) {
            true => Vec::new(),
            false => bins(&points, MOST_POINTS),
        }
    }

    /// One run: its last value. Several: the name, once a run.
    fn label(&self, runs: &[Series], run: &Series, held_out: bool, last: f64) -> String {
        let last = axis::value(last, self.unit);
        let twice = self.held_out.is_some_and(|key| !run.points(key).is_empty());
        match (runs.len(), twice) {
            (1, true) => format!("{} {last}", if held_out { "held-out" } else { "training" }),
            (1, false) => last,
            _ if twice && !held_out => String::new(),
            _ => run.name.clone(),
        }
    }

    fn axes(&self, curves: &[Curve]) -> (Axis, Axis) {
        let bins = || curves.iter().flat_map(|curve| &curve.bins);
        let low = bins().map(|bin| bin.low).fold(f64::INFINITY, f64::min);
        let high = bins().map(|bin| bin.high).fold(f64::NEG_INFINITY, f64::max);
        let last = bins().map(|bin| bin.step).fold(0., f64::max);
        let y = if self.log { Axis::log(low, high, 5) } else { Axis::linear(low, high, self.unit, 5) };
        (Axis::steps(last), y)
    }

    fn draw_title<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<DB>,
        frame: &Frame,
        curves: &[Curve],
        several: bool,
    ) -> Result<()> {
        let (x, y) = (frame.left, frame.top - 12.);
        canvas.text(self.title, (x, y), (HPos::Left, VPos::Bottom), TITLE, INK)?;
        if several && curves.iter().any(|curve| curve.held_out) {
            let x = x + canvas.text_width(self.title, TITLE) + 8.;
            canvas.text("thin: training", (x, y), (HPos::Left, VPos::Bottom), TEXT, GREY)?;
        }
        Ok(())
    }
}

/// Room for the labels of any panel.
pub fn label_width<DB: DrawingBackend>(canvas: &Canvas<DB>, runs: &[Series]) -> f64 {
    match runs {
        [_] => canvas.text_width("held-out 00.0 %", TEXT),
        _ => runs.iter().map(|run| canvas.text_width(&run.name, TEXT)).fold(20., f64::max).min(130.),
    }
}

fn draw_curve<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    frame: &Frame,
    x: &Axis,
    y: &Axis,
    curve: &Curve,
    beside_held_out: bool,
) -> Result<()> {
    let place = |value: fn(&Bin) -> f64| move |bin: &Bin| frame.point(x, y, (bin.step, value(bin)));
    if curve.bins.iter().any(|bin| bin.low < bin.high) {
        let above = curve.bins.iter().map(place(|bin| bin.high));
        let below = curve.bins.iter().rev().map(place(|bin| bin.low));
        canvas.polygon(&above.chain(below).collect::<Vec<_>>(), curve.colour.mix(0.2))?;
    }
    let points: Vec<Point> = curve.bins.iter().map(place(|bin| bin.mean)).collect();
    let (width, opacity) = match (curve.held_out, beside_held_out) {
        (true, _) => (2., 1.),
        (false, true) => (1., 0.55),
        (false, false) => (1.25, 1.),
    };
    canvas.line(&points, lighten(curve.colour, opacity), width)?;
    if curve.held_out && points.len() <= MOST_DOTS || points.len() == 1 {
        points.iter().try_for_each(|&point| canvas.dot(point, 2.5, curve.colour))?;
    }
    Ok(())
}
