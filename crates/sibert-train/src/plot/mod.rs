//! Pictures of runs, each an SVG and a PNG: all quantities as small multiples, or one figure that answers one question.
//!
//! Training is a thin line (of many points: their mean, in a band from lowest to highest), held-out evaluations are a
//! thick one with dots. Lines are labelled at their ends, in the colour-blind-safe palette of Okabe and Ito.

mod axis;
mod canvas;
pub mod confusion;
mod figure;
mod frame;
mod page;
mod panel;
mod runs;
mod series;
mod terminal;

use std::path::{Path, PathBuf};

use anyhow::Result;
use plotters::prelude::DrawingBackend;

pub use figure::{Options, draw_figure, picture};
pub use runs::name as name_of;

use canvas::Canvas;
use figure::{Chart, draw_chart};
use frame::Frame;
use page::Drawing;
use series::Series;

/// Size of one panel, in units of a pixel at 1x.
const CELL: (f64, f64) = (340., 236.);

/// Draws `<out_stem>.svg` and `<out_stem>.png` from the `metrics.jsonl` (or run folder) of each named run.
///
/// Panels without data are left out; returns the files written, none when no run has any data yet.
///
/// # Errors
/// Names the file that cannot be read or written.
pub fn draw(runs: &[(String, PathBuf)], out_stem: &Path) -> Result<Vec<PathBuf>> {
    let runs: Vec<Series> =
        runs.iter().map(|(name, path)| Series::read(name, path)).collect::<Result<_>>()?;
    let charts = panel::charts(&runs);
    if charts.is_empty() {
        return Ok(Vec::new());
    }
    page::write(&Multiples::new(&runs, charts), out_stem)
}

/// At most some `count` points in the place of many: of neighbours the mean, at their last step.
pub fn thinned(points: &[(f64, f64)], count: usize) -> Vec<(f64, f64)> {
    series::bins(points, count.max(1)).iter().map(|bin| (bin.step, bin.mean)).collect()
}

/// The same as a picture in PNG.
///
/// # Errors
/// Names the file that cannot be read.
pub fn png(name: &str, metrics: &Path) -> Result<Option<Vec<u8>>> {
    let runs = [Series::read(name, metrics)?];
    let charts = panel::charts(&runs);
    if charts.is_empty() { Ok(None) } else { page::png(&Multiples::new(&runs, charts)).map(Some) }
}

/// Panels in rows of up to three.
struct Multiples<'a> {
    runs: &'a [Series],
    charts: Vec<Chart>,
    columns: usize,
}

impl<'a> Multiples<'a> {
    fn new(runs: &'a [Series], mut charts: Vec<Chart>) -> Self {
        let columns = if charts.len() == 4 { 2 } else { charts.len().min(3) };
        let above = charts.len().saturating_sub(columns);
        charts[..above].iter_mut().for_each(|chart| chart.x_title.clear()); // the lowest of a column has it
        Self { runs, charts, columns }
    }
}

impl Drawing for Multiples<'_> {
    fn size(&self) -> (u32, u32) {
        let rows = self.charts.len().div_ceil(self.columns);
        ((CELL.0 * self.columns as f64) as u32, (CELL.1 * rows as f64) as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<()> {
        let label_width = panel::label_width(canvas, self.runs);
        for (index, chart) in self.charts.iter().enumerate() {
            let (column, row) = (index % self.columns, index / self.columns);
            let frame = Frame::new((CELL.0 * column as f64, CELL.1 * row as f64), CELL, label_width);
            draw_chart(canvas, chart, frame)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use super::*;

    fn metrics(dir: &Path, lines: &str) -> PathBuf {
        let path = dir.join("metrics.jsonl");
        fs::write(&path, lines).unwrap();
        path
    }

    #[test]
    fn a_run_without_data_gives_no_file_and_no_error() {
        let dir = tempfile::tempdir().unwrap();
        let run = ("empty".to_owned(), metrics(dir.path(), "{\"step\":1,\"loss\":null}\n{\"st"));
        assert_eq!(draw(&[run], &dir.path().join("curves")).unwrap(), Vec::<PathBuf>::new());
        assert!(!dir.path().join("curves.svg").exists());
    }

    #[test]
    fn svg_and_png_have_the_panels_of_the_data() {
        let dir = tempfile::tempdir().unwrap();
        metrics(
            dir.path(),
            "{\"step\":1,\"loss\":2}\n{\"step\":2,\"loss\":1.5}\n{\"step\":2,\"eval_loss\":1.25}\n",
        );
        let files = draw(&[("a <b>".into(), dir.path().to_owned())], &dir.path().join("lr-0.5")).unwrap();
        assert_eq!(files, ["lr-0.5.svg", "lr-0.5.png"].map(|name| dir.path().join(name)));
        let svg = fs::read_to_string(&files[0]).unwrap();
        assert!(
            svg.contains("Masked-LM loss") && svg.contains("held-out 1.25") && !svg.contains("Gradient norm")
        );
        assert!(svg.contains(r#"width="340" height="236""#), "{}", &svg[..200]);
        let png = fs::read(&files[1]).unwrap();
        assert_eq!(&png[..4], b"\x89PNG");
        assert_eq!(png[16..24], [0, 0, 2, 168, 0, 0, 1, 216]); // 680 by 472
    }

    #[test]
    fn the_smallest_and_largest_numbers_are_drawn() {
        let dir = tempfile::tempdir().unwrap();
        let line = |step: usize, value: &str| {
            format!(
                "{{\"step\":{step},\"loss\":{value},\"eval_loss\":{value},\"grad_norm\":{value},\"lr\":{value}}}\n"
            )
        };
        for values in [["1e-320", "1e308"], ["1e308", "-1e308"], ["1e-320", "2e-320"], ["1e308", "1.1e308"]] {
            metrics(dir.path(), &values.map(|value| line(1, value) + &line(2, value)).concat());
            let files = draw(&[("a".into(), dir.path().to_owned())], &dir.path().join("curves")).unwrap();
            let svg = fs::read_to_string(&files[0]).unwrap();
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{values:?}");
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("none.jsonl");
        let error = draw(&[("a".into(), missing)], &dir.path().join("curves")).unwrap_err().to_string();
        assert!(error.contains("none.jsonl"), "{error}");
    }
}
