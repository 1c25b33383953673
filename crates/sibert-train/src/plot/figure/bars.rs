//! Horizontal bars of parts, with their numbers in columns beside them.

use anyhow::Result;
use plotters::prelude::{Color, DrawingBackend, RGBColor};
use plotters::style::text_anchor::{HPos, VPos};

use crate::plot::axis::{self, Unit};
use crate::plot::canvas::{Canvas, GREY, INK, PALETTE, text_width};
use crate::plot::frame::{TEXT, TITLE};

/// Bars, one a row, of the same parts.
pub struct Bars {
    /// The quantity, with its unit.
    pub title: &'static str,
    /// Names of the parts, from the left.
    pub parts: Vec<&'static str>,
    /// Name of their sum.
    pub sum: &'static str,
    /// Labels and values.
    pub rows: Vec<(String, Vec<f64>)>,
}

const ROW: f64 = 30.;
const BAR: f64 = 16.;
const TOP: f64 = 54.;
/// Length of the longest bar.
const LENGTH: f64 = 300.;
const MARGIN: f64 = 16.;
/// Colours of the parts; what is not the subject is grey.
const COLOURS: [RGBColor; 4] = [PALETTE[0], PALETTE[2], PALETTE[1], RGBColor(170, 170, 170)];

impl Bars {
    /// Width and height.
    pub fn size(&self) -> (u32, u32) {
        let columns: f64 = self.heads().map(column).sum();
        let width = MARGIN + self.label_width() + 10. + LENGTH + columns + MARGIN;
        (width.ceil() as u32, (TOP + ROW * self.rows.len() as f64 + MARGIN / 2.) as u32)
    }

    /// Draws title, bars and numbers.
    pub fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<()> {
        let left = MARGIN + self.label_width() + 10.;
        canvas.text(self.title, (left, TOP - 14.), (HPos::Left, VPos::Bottom), TITLE, INK)?;
        let mut right = left + LENGTH;
        for (index, head) in self.heads().enumerate() {
            right += column(head);
            let (x, colour) = (right, text_colour(index, self.parts.len()));
            canvas.text(head, (x, TOP - 14.), (HPos::Right, VPos::Bottom), TEXT, colour)?;
            for (row, (_, values)) in self.rows.iter().enumerate() {
                let value = values.get(index).copied().unwrap_or_else(|| values.iter().sum());
                let at = (x, TOP + ROW * row as f64 + BAR / 2.);
                canvas.text(&number(value), at, (HPos::Right, VPos::Center), TEXT, colour)?;
            }
        }
        (0..self.rows.len()).try_for_each(|row| self.draw_bar(canvas, left, row))
    }

    fn draw_bar<DB: DrawingBackend>(&self, canvas: &Canvas<DB>, left: f64, row: usize) -> Result<()> {
        let (label, values) = &self.rows[row];
        let top = TOP + ROW * row as f64;
        canvas.text(label, (left - 10., top + BAR / 2.), (HPos::Right, VPos::Center), TEXT, INK)?;
        let scale = LENGTH / self.longest();
        let mut from = left;
        for (index, value) in values.iter().enumerate() {
            let to = from + scale * value;
            let corners = [(from, top), (to, top), (to, top + BAR), (from, top + BAR)];
            canvas.polygon(&corners, COLOURS[index % COLOURS.len()].to_rgba())?;
            from = to;
        }
        Ok(())
    }

    /// Heads of the columns: the parts and their sum.
    fn heads(&self) -> impl Iterator<Item = &'static str> {
        self.parts.iter().copied().chain([self.sum])
    }

    /// The largest sum of a row.
    pub fn longest(&self) -> f64 {
        self.rows.iter().map(|(_, values)| values.iter().sum()).fold(f64::MIN_POSITIVE, f64::max)
    }

    fn label_width(&self) -> f64 {
        self.rows.iter().map(|(label, _)| text_width(label, TEXT)).fold(0., f64::max)
    }
}

/// A value, in three digits or all of its whole ones.
pub fn number(value: f64) -> String {
    if value >= 100. { format!("{value:.0}") } else { axis::value(value, Unit::Number) }
}

fn column(head: &str) -> f64 {
    text_width(head, TEXT).max(30.) + 18.
}

fn text_colour(index: usize, parts: usize) -> RGBColor {
    match index {
        _ if index == parts => INK,
        _ if index + 1 == parts => GREY,
        _ => COLOURS[index % COLOURS.len()],
    }
}
