//! Where runs ended in numbers that are not finite.

use anyhow::Result;
use plotters::prelude::{Color, DrawingBackend, WHITE};
use plotters::style::text_anchor::{HPos, VPos};

use super::paint::colour;
use super::{Chart, Cross, Look};
use crate::plot::canvas::{Canvas, Point, lighten};
use crate::plot::frame::{EndLabel, Frame, LINE_HEIGHT, TEXT};

/// Radius of a cross.
const CROSS: f64 = 4.;

/// Whether some runs have no value, and their place is a strip above the chart.
pub fn has_lane(chart: &Chart) -> bool {
    chart.crosses.iter().any(|cross| cross.y.is_none())
}

/// Crosses at the ends of lines, with their texts beside them, one below the other where they would overlap.
pub fn draw_crosses<DB: DrawingBackend>(canvas: &Canvas<DB>, chart: &Chart, frame: &Frame) -> Result<()> {
    let mut taken: Vec<LabelBox> = Vec::new();
    for cross in &chart.crosses {
        let (x, y) = frame.point(&chart.x, &chart.y, (cross.x, cross.y.unwrap_or(chart.y.high())));
        let width = if cross.text.is_empty() { 0. } else { 10. + canvas.text_width(&cross.text, TEXT) };
        let fits = x + width < frame.right || x - width < frame.left;
        let (left, right) = if fits { (x - CROSS, x + width) } else { (x - width, x + CROSS) };
        let height = y.clamp(frame.top + CROSS, frame.bottom);
        let place = free(&taken, LabelBox { left, right, height, colour: cross.colour });
        draw_cross(canvas, cross, (x, place.height), if fits { x + 10. } else { left })?;
        taken.push(place);
    }
    Ok(())
}

/// The room of a cross with its text.
#[derive(Clone, Copy, Debug, PartialEq)]
struct LabelBox {
    left: f64,
    right: f64,
    height: f64,
    colour: usize,
}

/// The first place, from this downwards, that no other group's cross or text has taken.
fn free(taken: &[LabelBox], mut place: LabelBox) -> LabelBox {
    let hit = |place: &LabelBox| {
        let mut others = taken.iter().filter(|other| other.colour != place.colour);
        others.find(|other| {
            let beside = other.right <= place.left || place.right <= other.left;
            !beside && (other.height - place.height).abs() < LINE_HEIGHT
        })
    };
    while let Some(other) = hit(&place) {
        place.height = other.height + LINE_HEIGHT;
    }
    place
}

/// A cross and its text, readable above lines.
fn draw_cross<DB: DrawingBackend>(canvas: &Canvas<DB>, cross: &Cross, at: Point, left: f64) -> Result<()> {
    let colour = colour(cross.colour);
    canvas.cross(at, CROSS, colour)?;
    if cross.text.is_empty() {
        return Ok(());
    }
    let (right, top, bottom) = (left + canvas.text_width(&cross.text, TEXT), at.1 - 7., at.1 + 7.);
    canvas.polygon(&[(left, top), (right, top), (right, bottom), (left, bottom)], WHITE.mix(0.8))?;
    canvas.text(&cross.text, (left, at.1), (HPos::Left, VPos::Center), TEXT, colour)
}

/// Crosses in the strip above the chart, joined to the neighbours that did not diverge.
pub fn draw_lane<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    chart: &Chart,
    frame: &Frame,
    lane: f64,
) -> Result<Vec<EndLabel>> {
    let mut labels = Vec::new();
    for (index, cross) in chart.crosses.iter().enumerate() {
        let beside = chart.crosses[..index].iter().filter(|other| other.x == cross.x).count();
        let x = frame.point(&chart.x, &chart.y, (cross.x, chart.y.high())).0 + 11. * beside as f64;
        for neighbour in neighbours(chart, cross) {
            let from = frame.point(&chart.x, &chart.y, neighbour);
            canvas.dashed(&[from, (x, lane + CROSS)], lighten(colour(cross.colour), 0.6), 1.)?;
        }
        canvas.cross((x, lane), CROSS, colour(cross.colour))?;
        if !cross.text.is_empty() {
            labels.push(EndLabel { end: (x, lane), text: cross.text.clone(), colour: colour(cross.colour) });
        }
    }
    Ok(labels)
}

/// The points of a cross's line at the ticks left and right of it; none if the line has a point at its own.
fn neighbours(chart: &Chart, cross: &Cross) -> Vec<Point> {
    let Some(line) = chart.lines.iter().find(|line| line.look == Look::Dotted && line.group == cross.group)
    else {
        return Vec::new();
    };
    let tick = |x: f64| chart.x.ticks.iter().position(|(value, _)| *value == x).unwrap_or(usize::MAX);
    let here = tick(cross.x);
    match line.points.iter().any(|point| point.0 == cross.x) {
        true => Vec::new(),
        false => line.points.iter().filter(|point| tick(point.0).abs_diff(here) == 1).copied().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_beside_crosses_do_not_overlap() {
        let place = |left, height, colour| LabelBox { left, right: left + 40., height, colour };
        let taken = [place(0., 10., 1), place(10., 24., 2), place(90., 10., 3)];
        assert_eq!(free(&taken, place(20., 12., 4)), place(20., 38., 4));
        assert_eq!(free(&taken, place(50., 12., 4)), place(50., 12., 4));
        assert_eq!(free(&taken[..1], place(20., 12., 1)), place(20., 12., 1), "its own cross is no obstacle");
    }
}
