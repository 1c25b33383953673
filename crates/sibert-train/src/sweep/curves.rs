//! `curves.svg` and `.png`: the curves of all runs, in several pictures where they are many.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::grid::{Grid, SweptRun};
use super::name;
use crate::plot;

/// Most runs whose curves can be told apart in a panel.
const MOST: usize = 12;

/// Draws the runs that reported something; returns the files.
///
/// # Errors
/// If a file cannot be read or written.
pub fn draw(folder: &Path, grid: &Grid) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for (stem, runs) in pictures(grid) {
        let begun = runs.iter().filter(|run| run.config.metrics().exists());
        let named: Vec<_> = begun.map(|run| (run.name.clone(), run.config.metrics())).collect();
        files.extend(plot::draw(&named, &folder.join(stem))?);
    }
    Ok(files)
}

/// Draws the curves of runs that could not draw them at their end, as on a full disk.
///
/// # Errors
/// If a file cannot be read or written.
pub fn draw_missing<'a>(runs: impl Iterator<Item = &'a SweptRun>) -> Result<()> {
    for run in runs {
        let stem = run.config.out.join("curves");
        let is_there = |ending: &str| stem.with_extension(ending).is_file();
        if run.config.metrics().exists() && !(is_there("svg") && is_there("png")) {
            plot::draw(&[(run.name.clone(), run.config.metrics())], &stem)?;
        }
    }
    Ok(())
}

/// One picture of at most [`MOST`] runs; or one for each value of the first axis; or as many as it takes.
fn pictures(grid: &Grid) -> Vec<(String, Vec<&SweptRun>)> {
    let all: Vec<&SweptRun> = grid.runs.iter().collect();
    if all.len() <= MOST {
        return vec![("curves".to_owned(), all)];
    }
    let Some(axis) = grid.axes.first().filter(|_| grid.axes.len() > 1) else { return pages("curves", &all) };
    let stems = name::names(&axis.values.iter().map(|value| vec![value.text.clone()]).collect::<Vec<_>>());
    let of_value = |(value, stem): (&_, String)| {
        let runs: Vec<_> = all.iter().copied().filter(|run| run.values.first() == Some(value)).collect();
        pages(&format!("curves-{stem}"), &runs)
    };
    axis.values.iter().zip(stems).flat_map(of_value).collect()
}

fn pages<'a>(stem: &str, runs: &[&'a SweptRun]) -> Vec<(String, Vec<&'a SweptRun>)> {
    match runs.len() {
        0..=MOST => vec![(stem.to_owned(), runs.to_vec())],
        _ => {
            let page =
                |(number, runs): (usize, &[&'a SweptRun])| (format!("{stem}-{}", number + 1), runs.to_vec());
            runs.chunks(MOST).enumerate().map(page).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::axis::Axis;
    use crate::sweep::fixture::{axis, grid};

    fn stems(axes: Vec<Axis>) -> Vec<(String, usize)> {
        pictures(&grid(axes)).into_iter().map(|(stem, runs)| (stem, runs.len())).collect()
    }

    #[test]
    fn no_picture_has_more_lines_than_can_be_told_apart() {
        let one = |stem: &str, count| (stem.to_owned(), count);
        assert_eq!(stems(vec![axis("lr", &["1", "2"]), Axis::seeds(0, 6)]), [one("curves", 12)]);
        assert_eq!(
            stems(vec![axis("lr", &["1", "2"]), Axis::seeds(0, 7)]),
            [one("curves-1", 7), one("curves-2", 7)]
        );
        assert_eq!(stems(vec![Axis::seeds(0, 13)]), [one("curves-1", 12), one("curves-2", 1)]);
        let both = stems(vec![axis("lr", &["a/b", "c"]), Axis::seeds(0, 14)]);
        let expected =
            [one("curves-a_b-1", 12), one("curves-a_b-2", 2), one("curves-c-1", 12), one("curves-c-2", 2)];
        assert_eq!(both, expected);
    }
}
