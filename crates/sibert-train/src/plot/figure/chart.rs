//! The data of a chart.

use crate::plot::axis::Axis;

/// Lines and points over steps, or over a setting.
pub struct Chart {
    /// The quantity.
    pub title: &'static str,
    /// A note on lines of other looks; may be empty.
    pub note: &'static str,
    /// Name of x in the table.
    pub x_key: String,
    /// Name of x in the picture.
    pub x_title: String,
    /// Range and ticks of x.
    pub x: Axis,
    /// Range and ticks of y; what lies beyond is cut off.
    pub y: Axis,
    /// Curves, in any order.
    pub lines: Vec<Line>,
    /// Where runs ended in numbers that are not finite.
    pub crosses: Vec<Cross>,
    /// Grey horizontal lines with their names.
    pub rules: Vec<(f64, String)>,
    /// A shaded range of y.
    pub band: Option<(f64, f64)>,
}

impl Chart {
    /// A chart of a quantity over the steps.
    pub fn over_steps(title: &'static str, y: Axis, lines: Vec<Line>, crosses: Vec<Cross>) -> Self {
        let steps = lines.iter().flat_map(|line| line.points.iter().map(|point| point.0));
        let last = steps.chain(crosses.iter().map(|cross| cross.x)).fold(0., f64::max);
        Self {
            title,
            note: "",
            x_key: "step".into(),
            x_title: "step".into(),
            x: Axis::steps(last),
            y,
            lines,
            crosses,
            rules: Vec::new(),
            band: None,
        }
    }
}

/// A curve.
pub struct Line {
    /// Text at its end; empty for none.
    pub label: String,
    /// Name of the runs that it belongs to.
    pub group: String,
    /// Folder of its run; empty for a mean.
    pub run: String,
    /// Its kind: held-out, training, mean, equilibrium.
    pub series: &'static str,
    /// Index into the palette, or [`NEUTRAL`].
    pub colour: usize,
    /// How it is drawn.
    pub look: Look,
    /// Its points, by ascending x.
    pub points: Vec<(f64, f64)>,
}

/// The colour of what belongs to all groups: grey.
pub const NEUTRAL: usize = usize::MAX;

/// How a line is drawn, from the back to the front.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Look {
    /// Behind the others.
    Faint,
    /// One of several seeds.
    Seed,
    /// Training, beside what is held out.
    Training,
    /// A quantity of training alone.
    Alone,
    /// Points that no line joins.
    Points,
    /// A prediction.
    Dashed,
    /// Every point a dot.
    Dotted,
    /// The subject of the figure.
    Main,
}

/// A run's end in numbers that are not finite.
pub struct Cross {
    /// Its last step, or its setting.
    pub x: f64,
    /// The last finite value; none puts it above the chart.
    pub y: Option<f64>,
    /// Index into the palette.
    pub colour: usize,
    /// Name of the runs that it belongs to.
    pub group: String,
    /// Folder of the run.
    pub run: String,
    /// Text beside it; empty for none.
    pub text: String,
}

/// Lowest and highest y of some points.
pub fn range<'a>(points: impl IntoIterator<Item = &'a (f64, f64)>) -> Option<(f64, f64)> {
    points.into_iter().fold(None, |range, &(_, y)| {
        let (low, high) = range.unwrap_or((y, y));
        Some((f64::min(low, y), f64::max(high, y)))
    })
}
