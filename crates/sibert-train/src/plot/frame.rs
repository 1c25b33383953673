//! The rectangle of a chart: places of values, grid, and labels at the ends of lines.

use anyhow::Result;
use plotters::prelude::{DrawingBackend, RGBColor};
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::Axis;
use super::canvas::{Canvas, GREY, GRID, Point, lighten};

/// Size of titles.
pub const TITLE: f64 = 17.;
/// Size of all other text.
pub const TEXT: f64 = 13.5;
/// Smallest distance between two labels.
pub const LINE_HEIGHT: f64 = 14.;

/// Lowest label above the bottom, so that it keeps clear of the last tick's.
const ABOVE_TICKS: f64 = 4.;

/// The rectangle that curves are drawn in, in units.
pub struct Frame {
    /// Left edge.
    pub left: f64,
    /// Right edge.
    pub right: f64,
    /// Top edge.
    pub top: f64,
    /// Bottom edge, below the top.
    pub bottom: f64,
}

impl Frame {
    /// The inside of a cell: room for title, ticks and `label_width` of labels at the line ends.
    pub fn new((x, y): Point, (width, height): Point, label_width: f64) -> Self {
        Self { left: x + 48., right: x + width - label_width - 22., top: y + 38., bottom: y + height - 36. }
    }

    /// Where a value of each axis lies.
    pub fn point(&self, x: &Axis, y: &Axis, (step, value): Point) -> Point {
        let (x, y) = (x.position(step), y.position(value));
        (self.left + x * (self.right - self.left), self.bottom - y * (self.bottom - self.top))
    }
}

/// A text beside the end of a line.
pub struct EndLabel {
    /// The line's end.
    pub end: Point,
    /// The text.
    pub text: String,
    /// The line's colour.
    pub colour: RGBColor,
}

/// Ticks, their labels and faint lines; a label that would touch the one before is left out.
pub fn draw_grid<DB: DrawingBackend>(canvas: &Canvas<DB>, frame: &Frame, x: &Axis, y: &Axis) -> Result<()> {
    for (value, label) in &y.ticks {
        let (_, at) = frame.point(x, y, (0., *value));
        canvas.line(&[(frame.left, at), (frame.right, at)], GRID, 0.75)?;
        canvas.text(label, (frame.left - 6., at), (HPos::Right, VPos::Center), TEXT, GREY)?;
    }
    let mut free = f64::NEG_INFINITY;
    for (value, label) in &x.ticks {
        let at = frame.left + x.position(*value) * (frame.right - frame.left);
        canvas.line(&[(at, frame.top), (at, frame.bottom)], GRID, 0.75)?;
        let half = canvas.text_width(label, TEXT) / 2.;
        if at - half > free {
            canvas.text(label, (at, frame.bottom + 5.), (HPos::Center, VPos::Top), TEXT, GREY)?;
            free = at + half + 6.;
        }
    }
    canvas.line(&[(frame.left, frame.bottom), (frame.right, frame.bottom)], GREY, 1.)
}

/// Labels right of the frame, at the height of their line's end, pushed apart where they would overlap.
pub fn draw_labels<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    frame: &Frame,
    mut labels: Vec<EndLabel>,
) -> Result<()> {
    labels.sort_by(|a, b| a.end.1.total_cmp(&b.end.1));
    let ends: Vec<f64> = labels.iter().map(|label| label.end.1).collect();
    for (EndLabel { end, text, colour }, height) in
        labels.iter().zip(spread(&ends, frame.top, frame.bottom - ABOVE_TICKS))
    {
        let at = (frame.right + 8., height);
        if at.0 - end.0 > 16. {
            canvas.line(&[(end.0 + 5., end.1), (at.0 - 3., height)], lighten(*colour, 0.35), 0.75)?;
        }
        canvas.text(text, at, (HPos::Left, VPos::Center), TEXT, *colour)?;
    }
    Ok(())
}

/// Ascending heights, at least a line apart and inside the frame where they fit.
fn spread(heights: &[f64], top: f64, bottom: f64) -> Vec<f64> {
    spread_lines(heights, top, bottom, LINE_HEIGHT)
}

/// The same for lines of this height.
pub fn spread_lines(heights: &[f64], top: f64, bottom: f64, line: f64) -> Vec<f64> {
    let mut spread = heights.to_vec();
    let mut free = top;
    for height in &mut spread {
        *height = height.max(free);
        free = *height + line;
    }
    let mut free = bottom;
    for height in spread.iter_mut().rev() {
        *height = height.min(free);
        free = *height - line;
    }
    spread
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_do_not_overlap() {
        assert_eq!(spread(&[50., 51., 52.], 0., 100.), [50., 64., 78.]);
        assert_eq!(spread(&[95., 97., 99.], 0., 100.), [72., 86., 100.]);
        assert_eq!(spread(&[10., 60.], 0., 100.), [10., 60.]);
    }
}
