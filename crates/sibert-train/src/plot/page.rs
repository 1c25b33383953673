//! A drawing as an SVG and a PNG.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use plotters::prelude::{BitMapBackend, DrawingBackend, IntoDrawingArea, SVGBackend};
use plotters::style::{FontStyle, register_font};
use sibert_files::durable;

use super::canvas::{Canvas, FONT};

/// Units are drawn this much finer: plotters' coordinates are whole numbers.
const DETAIL: u32 = 4;

/// Something that can be drawn on any canvas.
pub trait Drawing {
    /// Width and height in units, each a pixel of the SVG and two of the PNG.
    fn size(&self) -> (u32, u32);

    /// Draws everything.
    ///
    /// # Errors
    /// If the backend fails.
    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<()>;
}

/// Makes the built-in font known; texts cannot be measured or drawn before.
///
/// # Errors
/// If the font is damaged.
pub fn load_font() -> Result<()> {
    register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT)
        .map_err(|_| anyhow!("the built-in font is damaged"))
}

/// Writes `<stem>.svg` and `<stem>.png`.
///
/// # Errors
/// Names the file that cannot be written.
pub fn write(drawing: &impl Drawing, stem: &Path) -> Result<Vec<PathBuf>> {
    load_font()?;
    let (svg, png) = (with_extension(stem, "svg"), with_extension(stem, "png"));
    let cannot = |path: &Path| format!("cannot draw {}", path.display());
    durable::replace(&svg, &to_svg(drawing).with_context(|| cannot(&svg))?)?;
    durable::replace_bytes(&png, &to_png(drawing).with_context(|| cannot(&png))?)?;
    Ok(vec![svg, png])
}

/// The PNG alone.
///
/// # Errors
/// If the drawing fails.
pub fn png(drawing: &impl Drawing) -> Result<Vec<u8>> {
    load_font()?;
    to_png(drawing)
}

/// Adds an extension; `Path::with_extension` would take the `.5` of `lr-0.5` for one.
pub fn with_extension(stem: &Path, extension: &str) -> PathBuf {
    let mut path = stem.as_os_str().to_owned();
    path.push(".");
    path.push(extension);
    path.into()
}

fn draw_on<DB: DrawingBackend>(drawing: &impl Drawing, backend: DB, raster: bool) -> Result<()> {
    let canvas = Canvas::new(backend.into_drawing_area(), f64::from(DETAIL), raster)?;
    drawing.draw(&canvas)?;
    canvas.present()
}

/// Draws finely and states the size at 1x: the view box does the scaling.
fn to_svg(drawing: &impl Drawing) -> Result<String> {
    let (width, height) = drawing.size();
    let (wide, high) = (width * DETAIL, height * DETAIL);
    let mut svg = String::new();
    draw_on(drawing, SVGBackend::with_string(&mut svg, (wide, high)), false)?;
    let (fine, plain) =
        (format!(r#"width="{wide}" height="{high}""#), format!(r#"width="{width}" height="{height}""#));
    Ok(svg.replacen(&fine, &plain, 1))
}

/// Draws at 4x and halves it, because plotters does not smooth the edges of thick lines.
fn to_png(drawing: &impl Drawing) -> Result<Vec<u8>> {
    let (width, height) = drawing.size();
    let (wide, high) = (width * DETAIL, height * DETAIL);
    let mut fine = vec![0; (wide * high * 3) as usize];
    draw_on(drawing, BitMapBackend::with_buffer(&mut fine, (wide, high)), true)?;
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, wide / 2, high / 2);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut png = encoder.write_header()?;
    png.write_image_data(&halve(&fine, wide as usize))?;
    png.finish()?;
    Ok(bytes)
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
    use super::*;

    #[test]
    fn halving_averages_each_channel() {
        assert_eq!(halve(&[0, 10, 20, 4, 10, 0, 8, 10, 0, 12, 10, 0], 2), [6, 10, 5]);
    }
}
