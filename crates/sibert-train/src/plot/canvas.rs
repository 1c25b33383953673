//! Lines, dots and text in units that do not depend on the resolution.

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::element::{Drawable, PointCollection};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Name under which the built-in font is registered; an SVG's reader takes the first that it has.
pub const FONT: &str = "Ubuntu, Helvetica, Arial, sans-serif";
/// Titles.
pub const INK: RGBColor = RGBColor(34, 34, 34);
/// Tick labels and notes.
pub const GREY: RGBColor = RGBColor(96, 96, 96);
/// Grid lines.
pub const GRID: RGBColor = RGBColor(229, 229, 229);
/// Okabe and Ito's palette, without its yellow, which is too light for lines.
pub const PALETTE: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
];

/// A colour as it looks on white at an opacity: lines that cross themselves stay even.
pub fn lighten(colour: RGBColor, opacity: f64) -> RGBColor {
    let mix = |channel: u8| (255. - opacity * (255. - f64::from(channel))).round() as u8;
    RGBColor(mix(colour.0), mix(colour.1), mix(colour.2))
}

/// A point in units.
pub type Point = (f64, f64);

/// Length of a dash and of the gap after it.
const DASH: (f64, f64) = (6., 4.);

/// A white drawing area with a scale.
pub struct Canvas<DB: DrawingBackend> {
    area: DrawingArea<DB, Shift>,
    scale: f64,
    raster: bool,
}

impl<DB: DrawingBackend> Canvas<DB> {
    /// Fills the area with white; `raster` corrects what plotters does to bitmaps only.
    pub fn new(area: DrawingArea<DB, Shift>, scale: f64, raster: bool) -> Result<Self> {
        area.fill(&WHITE).map_err(|error| anyhow!("{error}"))?;
        Ok(Self { area, scale, raster })
    }

    /// A line through points.
    pub fn line(&self, points: &[Point], colour: RGBColor, width: f64) -> Result<()> {
        let style =
            ShapeStyle { color: colour.to_rgba(), filled: false, stroke_width: self.length(width) as u32 };
        let mut pixels: Vec<(i32, i32)> = points.iter().map(|&point| self.pixel(point)).collect();
        pixels.dedup();
        if pixels.len() < 2 {
            return Ok(());
        }
        if !self.raster || pixels.len() == 2 {
            return self.draw(&PathElement::new(pixels, style));
        }
        // A bitmap's thick line has spikes at sharp corners: draw segments with round joins instead.
        for segment in pixels.windows(2) {
            self.draw(&PathElement::new(segment, style))?;
            self.draw(&Circle::new(segment[1], self.length(width / 2.) - 1, colour.filled()))?;
        }
        Ok(())
    }

    /// A dashed line through points.
    pub fn dashed(&self, points: &[Point], colour: RGBColor, width: f64) -> Result<()> {
        dashes(points, DASH).iter().try_for_each(|dash| self.line(dash, colour, width))
    }

    /// A mark where something ended.
    pub fn cross(&self, (x, y): Point, radius: f64, colour: RGBColor) -> Result<()> {
        self.line(&[(x - radius, y - radius), (x + radius, y + radius)], colour, 1.75)?;
        self.line(&[(x - radius, y + radius), (x + radius, y - radius)], colour, 1.75)
    }

    /// A filled shape.
    pub fn polygon(&self, points: &[Point], colour: RGBAColor) -> Result<()> {
        let pixels: Vec<(i32, i32)> = points.iter().map(|&point| self.pixel(point)).collect();
        self.draw(&Polygon::new(pixels, colour))
    }

    /// A filled dot.
    pub fn dot(&self, centre: Point, radius: f64, colour: RGBColor) -> Result<()> {
        self.draw(&Circle::new(self.pixel(centre), self.length(radius), colour.filled()))
    }

    /// Text beside a point; `anchor` is the point's place in the text.
    pub fn text(
        &self,
        text: &str,
        at: Point,
        anchor: (HPos, VPos),
        size: f64,
        colour: RGBColor,
    ) -> Result<()> {
        let style = self.font(size).color(&colour).pos(Pos::new(anchor.0, anchor.1));
        // A bitmap's text is centred by a box that is too low.
        let drop = if self.raster && matches!(anchor.1, VPos::Center) { 0.15 * size } else { 0. };
        self.area.draw_text(text, &style, self.pixel((at.0, at.1 + drop))).map_err(|error| anyhow!("{error}"))
    }

    /// Width of a text in units.
    pub fn text_width(&self, text: &str, size: f64) -> f64 {
        let width = self.area.estimate_text_size(text, &self.font(size).into()).map_or(0, |(width, _)| width);
        f64::from(width) / self.scale
    }

    /// Hands the drawing to its backend.
    pub fn present(&self) -> Result<()> {
        self.area.present().map_err(|error| anyhow!("{error}"))
    }

    fn draw<'a, E>(&self, element: &'a E) -> Result<()>
    where
        &'a E: PointCollection<'a, (i32, i32)>,
        E: Drawable<DB>,
    {
        self.area.draw(element).map_err(|error| anyhow!("{error}"))
    }

    fn font(&self, size: f64) -> FontDesc<'static> {
        (FONT, size * self.scale).into_font()
    }

    fn pixel(&self, (x, y): Point) -> (i32, i32) {
        ((x * self.scale).round() as i32, (y * self.scale).round() as i32)
    }

    fn length(&self, units: f64) -> i32 {
        (units * self.scale).round().max(1.) as i32
    }
}

/// Width of a text in units, before there is a canvas.
pub fn text_width(text: &str, size: f64) -> f64 {
    const FINE: f64 = 16.;
    let font: FontDesc = (FONT, size * FINE).into_font();
    font.box_size(text).map_or(0., |(width, _)| f64::from(width) / FINE)
}

/// The pieces of a line that are drawn when it is dashed.
fn dashes(points: &[Point], (dash, gap): (f64, f64)) -> Vec<Vec<Point>> {
    let (mut pieces, mut piece) = (Vec::new(), points.first().copied().into_iter().collect::<Vec<_>>());
    let (mut on, mut left) = (true, dash);
    for ends in points.windows(2) {
        let (mut from, to) = (ends[0], ends[1]);
        loop {
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            if length <= left {
                left -= length;
                piece.extend(on.then_some(to));
                break;
            }
            let share = left / length;
            from = (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1));
            if on {
                piece.push(from);
                pieces.push(std::mem::take(&mut piece));
            } else {
                piece = vec![from];
            }
            (on, left) = (!on, if on { gap } else { dash });
        }
    }
    pieces.extend((piece.len() > 1).then_some(piece));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_go_on_around_corners() {
        let line = [(0., 0.), (8., 0.), (8., 10.)];
        assert_eq!(
            dashes(&line, (6., 4.)),
            [vec![(0., 0.), (6., 0.)], vec![(8., 2.), (8., 8.)]],
            "2 of the first gap lie on the second leg"
        );
        assert_eq!(dashes(&[(0., 0.), (3., 0.), (5., 0.)], (6., 4.)), [[(0., 0.), (3., 0.), (5., 0.)]]);
    }
}
