//! `sibert plot`: what to draw, where to, and what to say about it.

use std::env;
use std::fs;
use std::io::{IsTerminal, stdout};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::args::{Figure, PlotArgs};
use crate::console::result;
use crate::plot::{self, Options};
use crate::sweep;

/// Draws all quantities of the runs, or one figure, and names the files.
///
/// # Errors
/// If a run has nothing to draw, or a drawing cannot be written.
pub fn run(args: &PlotArgs) -> Result<()> {
    let options = Options { over: args.over.clone(), labels: args.labels.clone() };
    ensure!(
        args.over.is_none() || matches!(args.figure, Some(Figure::Robustness | Figure::Loss)),
        "--over names the setting of --figure robustness, or seconds or tokens for --figure loss: expected one of these figures"
    );
    if let Some(folder) = args.out.as_ref().and_then(|stem| stem.parent()) {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let terminal = stdout().is_terminal();
    let colour = terminal && env::var_os("NO_COLOR").is_none();
    let text = match args.figure {
        Some(figure) => {
            let drawn =
                plot::draw_figure(figure, &expand(&args.runs)?, &options, &stem(args, figure.name()))?;
            print(&drawn.files)?;
            drawn.notes.iter().try_for_each(result)?;
            drawn.terminal(colour)
        }
        None => {
            print(&multiples(args)?)?;
            let loss =
                expand(&args.runs).and_then(|runs| plot::picture(Figure::Loss, &runs, &Options::default()));
            loss.map_or(String::new(), |(picture, _)| picture.terminal(colour))
        }
    };
    match terminal || args.terminal {
        true => result(text.trim_end_matches('\n')),
        false => Ok(()),
    }
}

/// All quantities, each run named after its folder.
fn multiples(args: &PlotArgs) -> Result<Vec<PathBuf>> {
    let paths = expand(&args.runs)?;
    ensure!(
        args.labels.is_empty() || args.labels.len() == paths.len(),
        "--labels has {} names, expected {}, one per run",
        args.labels.len(),
        paths.len()
    );
    let name = |(index, run): (usize, &PathBuf)| {
        args.labels.get(index).cloned().unwrap_or_else(|| plot::name_of(run))
    };
    let named: Vec<_> = paths.iter().enumerate().map(name).zip(paths.clone()).collect();
    let drawn = plot::draw(&named, &stem(args, "curves"))?;
    ensure!(!drawn.is_empty(), "{}: nothing to draw, no metrics were reported yet", args.runs[0].display());
    Ok(drawn)
}

/// Where to draw: as asked, else in the folder of the first run or sweep.
fn stem(args: &PlotArgs, name: &str) -> PathBuf {
    let first = &args.runs[0];
    let folder = if first.is_file() { first.parent().unwrap_or(Path::new("")) } else { first };
    args.out.clone().unwrap_or_else(|| folder.join(name))
}

fn print(files: &[PathBuf]) -> Result<()> {
    files.iter().try_for_each(|file| result(file.display()))
}

/// The runs of each named folder: of a sweep, those that have begun; of a run, itself.
///
/// # Errors
/// If a sweep's file cannot be read, or none of its runs has begun.
pub fn expand(named: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut runs = Vec::new();
    for folder in named {
        let begun = sweep::runs_of(folder)?.unwrap_or_else(|| vec![folder.clone()]);
        ensure!(
            !begun.is_empty(),
            "{}: nothing to draw, none of its runs has a metrics.jsonl yet",
            folder.display()
        );
        runs.extend(begun);
    }
    Ok(runs)
}
