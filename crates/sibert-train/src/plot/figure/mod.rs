//! Figures that each answer one question about runs.
//!
//! A figure is data first, lines and points with their labels; picture, table and terminal chart are drawn from it.

mod angle;
mod bars;
mod chart;
mod clip;
mod crosses;
mod curves;
mod loss;
mod memory;
mod norm;
mod paint;
mod robustness;
mod table;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use plotters::prelude::DrawingBackend;

pub use bars::Bars;
pub use chart::{Chart, Cross, Line, Look, NEUTRAL};
pub use paint::draw_chart;

use sibert_files::durable;

use super::canvas::Canvas;
use super::page::{self, Drawing, with_extension};
use super::runs::{self, Group, RunFolder};
use crate::args::Figure;

/// How a figure is drawn.
#[derive(Debug, Default, Clone)]
pub struct Options {
    /// Key of the varied setting, for `robustness`; found when absent. Seconds or tokens in place of steps, for `loss`.
    pub over: Option<String>,
    /// Names of the groups, in order; found when empty.
    pub labels: Vec<String>,
}

/// A figure that was written.
pub struct Drawn {
    /// SVG, PNG and CSV.
    pub files: Vec<PathBuf>,
    /// The figure in numbers, and what had to be left out, a line each.
    pub notes: Vec<String>,
    picture: Picture,
}

impl Drawn {
    /// The figure as text, in colour if wanted.
    pub fn terminal(&self, colour: bool) -> String {
        self.picture.terminal(colour)
    }
}

/// Draws a figure of runs as `<out_stem>.svg` and `.png`, and its numbers as `.csv`.
///
/// # Errors
/// Names the run that lacks what the figure shows, or the file that cannot be read or written.
pub fn draw_figure(figure: Figure, runs: &[PathBuf], options: &Options, out_stem: &Path) -> Result<Drawn> {
    let (picture, notes) = picture(figure, runs, options)?;
    let mut files = page::write(&picture, out_stem)?;
    let csv = with_extension(out_stem, "csv");
    durable::replace(&csv, &table::csv(&picture)?)?;
    files.push(csv);
    Ok(Drawn { files, notes, picture })
}

/// A figure's data, and notes.
pub fn picture(figure: Figure, runs: &[PathBuf], options: &Options) -> Result<(Picture, Vec<String>)> {
    page::load_font()?;
    let runs: Vec<RunFolder> = runs.iter().map(|run| RunFolder::read(run)).collect::<Result<_>>()?;
    if figure == Figure::Robustness {
        let (chart, notes) = robustness::chart(&runs, options)?;
        return Ok((Picture::Charts(vec![chart]), notes));
    }
    let x = options.over.as_deref().map(X::named).transpose()?;
    let runs = match x {
        Some(x) => runs.into_iter().map(|run| run.over(x.key)).collect::<Result<_>>()?,
        None => runs,
    };
    let groups = runs::groups(runs, &options.labels)?;
    Ok(match figure {
        Figure::Memory => {
            let (bars, notes) = memory::bars(&groups)?;
            (Picture::Bars(bars), notes)
        }
        _ => {
            let mut charts = over_steps(figure, &groups)?;
            if let Some(X { name, .. }) = x {
                charts.iter_mut().for_each(|chart| (chart.x_key, chart.x_title) = (name.into(), name.into()));
            }
            (Picture::Charts(charts), Vec::new())
        }
    })
}

/// A quantity that stands in place of the step.
#[derive(Clone, Copy)]
struct X {
    name: &'static str,
    /// Its JSON pointer in `metrics.jsonl`.
    key: &'static str,
}

impl X {
    fn named(name: &str) -> Result<Self> {
        const ALL: [X; 2] =
            [X { name: "seconds", key: "/timing/elapsed_seconds" }, X { name: "tokens", key: "/tokens" }];
        ALL.into_iter().find(|x| x.name == name).with_context(|| {
            format!("--over {name}: expected seconds or tokens for --figure loss, or a setting for --figure robustness")
        })
    }
}

fn over_steps(figure: Figure, groups: &[Group]) -> Result<Vec<Chart>> {
    match figure {
        Figure::Norm => Ok(vec![norm::chart(groups)?]),
        Figure::Angle => Ok(vec![angle::chart(groups)?]),
        Figure::Clip => clip::charts(groups),
        Figure::Loss | Figure::Robustness | Figure::Memory => Ok(vec![loss::chart(groups)?]),
    }
}

/// A picture: charts side by side, or bars.
pub enum Picture {
    /// Lines and points.
    Charts(Vec<Chart>),
    /// Bars of parts.
    Bars(Bars),
}

impl Picture {
    /// The picture as text.
    pub fn terminal(&self, colour: bool) -> String {
        match self {
            Self::Charts(charts) => {
                charts.iter().map(|chart| super::terminal::chart(chart, colour)).collect()
            }
            Self::Bars(bars) => super::terminal::bars(bars, colour),
        }
    }
}

impl Drawing for Picture {
    fn size(&self) -> (u32, u32) {
        match self {
            Self::Charts(charts) => paint::size(charts),
            Self::Bars(bars) => bars.size(),
        }
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<()> {
        match self {
            Self::Charts(charts) => paint::draw(canvas, charts),
            Self::Bars(bars) => bars.draw(canvas),
        }
    }
}

#[cfg(test)]
mod tests;
