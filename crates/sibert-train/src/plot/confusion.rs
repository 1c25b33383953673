//! Which class is taken for which: a square for each pair, darker the more of a class's examples it holds.

use std::path::{Path, PathBuf};

use anyhow::Result;
use plotters::prelude::{Color, DrawingBackend, WHITE};
use plotters::style::text_anchor::{HPos, VPos};

use super::canvas::{Canvas, GREY, INK, PALETTE, lighten, text_width};
use super::frame::{TEXT, TITLE};
use super::page::{self, Drawing};

const MARGIN: f64 = 16.;
/// Above the squares: the title and the names of the columns.
const TOP: f64 = 64.;
/// Width and height of all squares, if they are many.
const MOST: f64 = 480.;
/// Side of a square, at most.
const SIDE: f64 = 52.;
/// Longest name, in letters.
const LONGEST: usize = 24;
/// Smaller squares hold no number.
const NUMBERED: f64 = 24.;

/// How often each class (the row) is taken for each (the column).
struct Confusion<'a> {
    title: String,
    rows: Vec<String>,
    columns: Vec<String>,
    counts: &'a [Vec<usize>],
}

/// Draws `<stem>.svg` and `<stem>.png`.
///
/// # Errors
/// Names the file that cannot be written.
pub fn draw(title: &str, names: &[String], counts: &[Vec<usize>], stem: &Path) -> Result<Vec<PathBuf>> {
    page::load_font()?;
    let title = format!("{title}: classes (rows) and predictions (columns)");
    page::write(&Confusion::new(title, names, counts), stem)
}

impl<'a> Confusion<'a> {
    /// Columns have the names of the classes, or their numbers where a name is wider than a square.
    fn new(title: String, names: &[String], counts: &'a [Vec<usize>]) -> Self {
        let cut = |name: &String| match name.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", &name[..end]),
            None => name.clone(),
        };
        let names: Vec<String> = names.iter().map(cut).collect();
        let fits = names.iter().all(|name| text_width(name, TEXT) < side(names.len()) - 4.);
        let (rows, columns) = match fits {
            true => (names.clone(), names),
            false => {
                let rows = (1..).zip(&names).map(|(number, name)| format!("{name}  {number}"));
                (rows.collect(), (1..=names.len()).map(|number| number.to_string()).collect())
            }
        };
        Self { title, rows, columns, counts }
    }

    fn left(&self) -> f64 {
        MARGIN + self.rows.iter().map(|name| text_width(name, TEXT)).fold(0., f64::max) + 8.
    }

    fn draw_row<DB: DrawingBackend>(&self, canvas: &Canvas<DB>, row: usize) -> Result<()> {
        let (left, side) = (self.left(), side(self.rows.len()));
        let (top, all) = (TOP + side * row as f64, self.counts[row].iter().sum::<usize>().max(1));
        canvas.text(&self.rows[row], (left - 8., top + side / 2.), (HPos::Right, VPos::Center), TEXT, INK)?;
        for (column, &count) in self.counts[row].iter().enumerate() {
            let (x, share) = (left + side * column as f64, count as f64 / all as f64);
            let (gap, colour) =
                (if side < NUMBERED { 0. } else { 1. }, lighten(PALETTE[0], 0.04 + 0.96 * share));
            let (right, bottom) = (x + side - gap, top + side - gap);
            canvas.polygon(&[(x, top), (right, top), (right, bottom), (x, bottom)], colour.to_rgba())?;
            if side >= NUMBERED && count > 0 {
                let ink = if share > 0.5 { WHITE } else { INK };
                let middle = (x + side / 2., top + side / 2.);
                canvas.text(&count.to_string(), middle, (HPos::Center, VPos::Center), TEXT, ink)?;
            }
        }
        Ok(())
    }
}

/// The side of a square where there are so many classes.
fn side(classes: usize) -> f64 {
    (MOST / classes.max(1) as f64).min(SIDE)
}

impl Drawing for Confusion<'_> {
    fn size(&self) -> (u32, u32) {
        let squares = side(self.rows.len()) * self.rows.len() as f64;
        let width = (self.left() + squares).max(MARGIN + text_width(&self.title, TITLE)) + MARGIN;
        (width.ceil() as u32, (TOP + squares + MARGIN).ceil() as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<()> {
        canvas.text(&self.title, (MARGIN, MARGIN + 12.), (HPos::Left, VPos::Bottom), TITLE, INK)?;
        let (left, side) = (self.left(), side(self.rows.len()));
        if side >= TEXT {
            for (column, name) in self.columns.iter().enumerate() {
                let at = (left + side * (column as f64 + 0.5), TOP - 6.);
                canvas.text(name, at, (HPos::Center, VPos::Bottom), TEXT, GREY)?;
            }
        }
        (0..self.rows.len()).try_for_each(|row| self.draw_row(canvas, row))
    }
}
