//! Curves of one or more runs as small multiples: an SVG and a PNG of the same drawing.
//!
//! Training is a thin line (of many points: their mean, in a band from lowest to highest), held-out evaluations are a
//! thick one with dots. Lines are labelled at their ends, in the colour-blind-safe palette of Okabe and Ito.

mod axis;
mod canvas;
mod panel;
mod series;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use plotters::prelude::{BitMapBackend, DrawingBackend, IntoDrawingArea, SVGBackend};
use plotters::style::{FontStyle, register_font};

use canvas::{Canvas, FONT};
use panel::{Frame, PANELS, Panel};
use series::Run;

/// Size of one panel, in units of a pixel at 1x.
const CELL: (f64, f64) = (340., 236.);
/// Units are drawn this much finer: plotters' coordinates are whole numbers.
const DETAIL: u32 = 4;

/// Draws `<out_stem>.svg` and `<out_stem>.png` from the `metrics.jsonl` (or run folder) of each named run.
///
/// Panels without data are left out; returns the files written, none when no run has any data yet.
///
/// # Errors
/// Names the file that cannot be read or written.
pub fn draw(runs: &[(String, PathBuf)], out_stem: &Path) -> Result<Vec<PathBuf>> {
    let runs: Vec<Run> = runs.iter().map(|(name, path)| Run::read(name, path)).collect::<Result<_>>()?;
    let panels: Vec<&Panel> = PANELS.iter().filter(|panel| panel.has_data(&runs)).collect();
    if panels.is_empty() {
        return Ok(Vec::new());
    }
    register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT)
        .map_err(|_| anyhow!("the built-in font is damaged"))?;
    let figure = Figure::new(&runs, &panels);
    let (svg, png) = (with_extension(out_stem, "svg"), with_extension(out_stem, "png"));
    figure.write_svg(&svg).with_context(|| format!("cannot draw {}", svg.display()))?;
    figure.write_png(&png).with_context(|| format!("cannot draw {}", png.display()))?;
    Ok(vec![svg, png])
}

/// Adds an extension; `Path::with_extension` would take the `.5` of `lr-0.5` for one.
fn with_extension(stem: &Path, extension: &str) -> PathBuf {
    let mut path = stem.as_os_str().to_owned();
    path.push(".");
    path.push(extension);
    path.into()
}

struct Figure<'a> {
    runs: &'a [Run],
    panels: &'a [&'a Panel],
    columns: usize,
}

impl<'a> Figure<'a> {
    fn new(runs: &'a [Run], panels: &'a [&'a Panel]) -> Self {
        let columns = if panels.len() == 4 { 2 } else { panels.len().min(3) };
        Self { runs, panels, columns }
    }

    /// Width and height in pixels at a scale.
    fn size(&self, scale: u32) -> (u32, u32) {
        let rows = self.panels.len().div_ceil(self.columns);
        ((CELL.0 * self.columns as f64) as u32 * scale, (CELL.1 * rows as f64) as u32 * scale)
    }

    fn draw_on<DB: DrawingBackend>(&self, backend: DB, raster: bool) -> Result<()> {
        let canvas = Canvas::new(backend.into_drawing_area(), f64::from(DETAIL), raster)?;
        let label_width = panel::label_width(&canvas, self.runs);
        for (index, panel) in self.panels.iter().enumerate() {
            let (column, row) = (index % self.columns, index / self.columns);
            let frame = Frame::new((CELL.0 * column as f64, CELL.1 * row as f64), CELL, label_width);
            panel.draw(&canvas, &frame, self.runs, index + self.columns >= self.panels.len())?;
        }
        canvas.present()
    }

    /// Draws finely and states the size at 1x: the view box does the scaling.
    fn write_svg(&self, path: &Path) -> Result<()> {
        let mut svg = String::new();
        self.draw_on(SVGBackend::with_string(&mut svg, self.size(DETAIL)), false)?;
        let ((wide, high), (width, height)) = (self.size(DETAIL), self.size(1));
        let (fine, plain) =
            (format!(r#"width="{wide}" height="{high}""#), format!(r#"width="{width}" height="{height}""#));
        Ok(fs::write(path, svg.replacen(&fine, &plain, 1))?)
    }

    /// Draws at 4x and halves it, because plotters does not smooth the edges of thick lines.
    fn write_png(&self, path: &Path) -> Result<()> {
        let (wide, high) = self.size(DETAIL);
        let mut fine = vec![0; (wide * high * 3) as usize];
        self.draw_on(BitMapBackend::with_buffer(&mut fine, (wide, high)), true)?;
        let (width, height) = (wide / 2, high / 2);
        let mut png = BitMapBackend::new(path, (width, height));
        png.blit_bitmap((0, 0), (width, height), &halve(&fine, wide as usize))?;
        Ok(png.present()?)
    }
}

/// Averages 2 by 2 pixels of an RGB image.
fn halve(image: &[u8], width: usize) -> Vec<u8> {
    let stride = 3 * width;
    image
        .chunks_exact(2 * stride)
        .flat_map(|rows| {
            (0..stride / 2).map(move |i| {
                let at = |row: usize, column: usize| u32::from(rows[row * stride + 3 * column + i % 3]);
                let column = 2 * (i / 3);
                ((at(0, column) + at(0, column + 1) + at(1, column) + at(1, column + 1) + 2) / 4) as u8
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
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
    fn a_missing_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("none.jsonl");
        let error = draw(&[("a".into(), missing)], &dir.path().join("curves")).unwrap_err().to_string();
        assert!(error.contains("none.jsonl"), "{error}");
    }

    #[test]
    fn halving_averages_each_channel() {
        assert_eq!(halve(&[0, 10, 20, 4, 10, 0, 8, 10, 0, 12, 10, 0], 2), [6, 10, 5]);
    }
}
