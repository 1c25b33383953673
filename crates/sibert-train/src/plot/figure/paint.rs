//! Charts on a canvas.

use anyhow::Result;
use plotters::prelude::{Color, DrawingBackend, RGBColor, WHITE};
use plotters::style::text_anchor::{HPos, VPos};

use super::crosses::{draw_crosses, draw_lane, has_lane};
use super::{Chart, Line, Look, NEUTRAL};
use crate::plot::canvas::{Canvas, GREY, INK, PALETTE, Point, lighten, text_width};
use crate::plot::frame::{EndLabel, Frame, TEXT, TITLE, draw_grid, draw_labels};
use crate::plot::series::{Bin, bins};

/// Curves with more points are drawn as means in a band.
const MOST_POINTS: usize = 150;
/// Curves with more points are drawn without dots.
const MOST_DOTS: usize = 40;
/// Width of the rectangle that curves are drawn in.
const INSIDE: f64 = 340.;
/// Room beside it for ticks and margins, without labels.
const OUTSIDE: f64 = 78.;
const HEIGHT: f64 = 290.;
/// Height of the strip for runs without a value.
const LANE: f64 = 26.;

/// Width and height of charts side by side.
pub fn size(charts: &[Chart]) -> (u32, u32) {
    let width: f64 = charts.iter().map(width).sum();
    (width.ceil() as u32, HEIGHT as u32)
}

fn width(chart: &Chart) -> f64 {
    let head = 60. + text_width(chart.title, TITLE) + text_width(chart.note, TEXT);
    (INSIDE + OUTSIDE + label_width(chart)).max(head) + lane_width(chart)
}

/// Room for the name of the strip above a chart, beside that for ticks.
fn lane_width(chart: &Chart) -> f64 {
    if has_lane(chart) { 12. } else { 0. }
}

fn label_width(chart: &Chart) -> f64 {
    let lines = chart.lines.iter().map(|line| line.label.as_str());
    let above = chart.crosses.iter().filter(|cross| cross.y.is_none()).map(|cross| cross.text.as_str());
    let rules = chart.rules.iter().map(|(_, name)| name.as_str());
    lines.chain(above).chain(rules).map(|label| text_width(label, TEXT)).fold(0., f64::max)
}

/// Draws charts side by side.
pub fn draw<DB: DrawingBackend>(canvas: &Canvas<DB>, charts: &[Chart]) -> Result<()> {
    let mut left = 0.;
    for chart in charts {
        let (origin, labels) = ((left + lane_width(chart), 0.), label_width(chart));
        let frame = Frame::new(origin, (INSIDE + OUTSIDE + labels, HEIGHT), labels + 8.);
        draw_chart(canvas, chart, frame)?;
        left += width(chart);
    }
    Ok(())
}

/// Draws a chart into a rectangle.
///
/// # Errors
/// If the backend fails.
pub fn draw_chart<DB: DrawingBackend>(canvas: &Canvas<DB>, chart: &Chart, mut frame: Frame) -> Result<()> {
    draw_head(canvas, chart, &frame)?;
    let lane = frame.top + 6.;
    if has_lane(chart) {
        canvas.text("diverged", (frame.left - 6., lane), (HPos::Right, VPos::Center), TEXT, GREY)?;
        frame.top += LANE;
    }
    if let Some((low, high)) = chart.band {
        draw_band(canvas, chart, &frame, low, high)?;
    }
    draw_grid(canvas, &frame, &chart.x, &chart.y)?;
    let mut labels = draw_rules(canvas, chart, &frame)?;
    let mut lines: Vec<&Line> = chart.lines.iter().collect();
    lines.sort_by_key(|line| line.look);
    for line in lines {
        labels.extend(draw_line(canvas, chart, &frame, line)?);
    }
    match has_lane(chart) {
        true => labels.extend(draw_lane(canvas, chart, &frame, lane)?),
        false => draw_crosses(canvas, chart, &frame)?,
    }
    draw_labels(canvas, &frame, labels)
}

fn draw_head<DB: DrawingBackend>(canvas: &Canvas<DB>, chart: &Chart, frame: &Frame) -> Result<()> {
    let (x, y) = (frame.left, frame.top - 12.);
    canvas.text(chart.title, (x, y), (HPos::Left, VPos::Bottom), TITLE, INK)?;
    let x = x + canvas.text_width(chart.title, TITLE) + 10.;
    canvas.text(chart.note, (x, y), (HPos::Left, VPos::Bottom), TEXT, GREY)?;
    let below = ((frame.left + frame.right) / 2., frame.bottom + 19.);
    canvas.text(&chart.x_title, below, (HPos::Center, VPos::Top), TEXT, GREY)
}

fn draw_band<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    chart: &Chart,
    frame: &Frame,
    low: f64,
    high: f64,
) -> Result<()> {
    let height = |value: f64| frame.point(&chart.x, &chart.y, (chart.x.low(), value)).1;
    let (top, bottom) = (height(high), height(low));
    let corners = [(frame.left, top), (frame.right, top), (frame.right, bottom), (frame.left, bottom)];
    canvas.polygon(&corners, GREY.mix(0.14))
}

fn draw_rules<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    chart: &Chart,
    frame: &Frame,
) -> Result<Vec<EndLabel>> {
    let draw = |(value, name): &(f64, String)| {
        let end = (frame.right, frame.point(&chart.x, &chart.y, (chart.x.high(), *value)).1);
        canvas.line(&[(frame.left, end.1), end], GREY, 1.25)?;
        Ok(EndLabel { end, text: name.clone(), colour: GREY })
    };
    chart.rules.iter().map(draw).collect()
}

/// The colour of a group's lines.
pub fn colour(index: usize) -> RGBColor {
    if index == NEUTRAL { GREY } else { PALETTE[index % PALETTE.len()] }
}

/// Draws a line and returns its label.
fn draw_line<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    chart: &Chart,
    frame: &Frame,
    line: &Line,
) -> Result<Option<EndLabel>> {
    let bins = bins(&line.points, MOST_POINTS);
    let has_band = matches!(line.look, Look::Main | Look::Training | Look::Alone);
    if has_band && bins.iter().any(|bin| bin.low < bin.high) {
        draw_spread(canvas, chart, frame, line, &bins)?;
    }
    let place = |bin: &Bin| frame.point(&chart.x, &chart.y, (bin.step, bin.mean));
    let points: Vec<Point> = bins.iter().map(place).collect();
    for piece in visible(&points, frame.top, frame.bottom) {
        draw_piece(canvas, line, &piece)?;
    }
    draw_dots(canvas, frame, line, &points)?;
    let end = points.last().map(|&(x, y)| (x, y.clamp(frame.top, frame.bottom)));
    let named = end.filter(|_| !line.label.is_empty());
    Ok(named.map(|end| EndLabel { end, text: line.label.clone(), colour: colour(line.colour) }))
}

/// From the lowest to the highest value of points that are drawn as one.
fn draw_spread<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    chart: &Chart,
    frame: &Frame,
    line: &Line,
    bins: &[Bin],
) -> Result<()> {
    let place = |bin: &Bin, value: f64| {
        let (x, y) = frame.point(&chart.x, &chart.y, (bin.step, value));
        (x, y.clamp(frame.top, frame.bottom))
    };
    let above = bins.iter().map(|bin| place(bin, bin.high));
    let below = bins.iter().rev().map(|bin| place(bin, bin.low));
    canvas.polygon(&above.chain(below).collect::<Vec<_>>(), colour(line.colour).mix(0.2))
}

fn draw_piece<DB: DrawingBackend>(canvas: &Canvas<DB>, line: &Line, piece: &[Point]) -> Result<()> {
    let colour = colour(line.colour);
    match line.look {
        Look::Points => Ok(()),
        Look::Faint => canvas.line(piece, lighten(colour, 0.35), 0.75),
        Look::Seed => canvas.line(piece, lighten(colour, 0.55), 0.75),
        Look::Training => canvas.line(piece, lighten(colour, 0.55), 1.),
        Look::Alone => canvas.line(piece, colour, 1.25),
        Look::Dashed => canvas.dashed(piece, lighten(colour, 0.8), 1.25),
        // The palette is used a second time: hollow, so that no two lines look the same.
        Look::Dotted | Look::Main if line.colour >= PALETTE.len() => {
            canvas.line(piece, colour, 3.)?;
            canvas.line(piece, WHITE, 1.)
        }
        Look::Dotted | Look::Main => canvas.line(piece, colour, 2.),
    }
}

fn draw_dots<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    frame: &Frame,
    line: &Line,
    points: &[Point],
) -> Result<()> {
    let (radius, opacity) = match line.look {
        Look::Points => (2., 0.5),
        Look::Dotted => (2.75, 1.),
        Look::Main if points.len() <= MOST_DOTS => (2.75, 1.),
        Look::Training | Look::Alone if points.len() == 1 => (2.5, 1.),
        _ => return Ok(()),
    };
    let inside = points.iter().filter(|point| (frame.top..=frame.bottom).contains(&point.1));
    inside.copied().try_for_each(|point| canvas.dot(point, radius, lighten(colour(line.colour), opacity)))
}

/// The pieces of a line between two heights, cut where it passes them.
fn visible(points: &[Point], top: f64, bottom: f64) -> Vec<Vec<Point>> {
    let mut pieces: Vec<Vec<Point>> = Vec::new();
    for ends in points.windows(2) {
        let (from, to) = (ends[0], ends[1]);
        let at = |height: f64| (height - from.1) / (to.1 - from.1);
        let (enter, leave) = match from.1 == to.1 {
            true => (0., if (top..=bottom).contains(&to.1) { 1. } else { -1. }),
            false => (at(top).min(at(bottom)).max(0.), at(top).max(at(bottom)).min(1.)),
        };
        if enter > leave {
            continue;
        }
        let on = |share: f64| (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1));
        match pieces.last_mut().filter(|piece| enter == 0. && piece.last() == Some(&from)) {
            Some(piece) => piece.push(if leave == 1. { to } else { on(leave) }),
            None => pieces.push(vec![on(enter), if leave == 1. { to } else { on(leave) }]),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_where_they_leave_the_frame() {
        let line = [(0., 50.), (10., 50.), (20., -50.), (30., 50.), (40., 150.)];
        assert_eq!(
            visible(&line, 0., 100.),
            [vec![(0., 50.), (10., 50.), (15., 0.)], vec![(25., 0.), (30., 50.), (35., 100.)]]
        );
        assert_eq!(visible(&[(0., -5.), (9., -5.)], 0., 100.), Vec::<Vec<Point>>::new());
    }
}
