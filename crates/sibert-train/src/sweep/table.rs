//! The results on the terminal: a line for each combination, seeds averaged.

use super::axis::SEED;
use super::grid::Grid;
use super::results::{Group, Row, Spread};
use super::state::State;
use crate::log::Summary;

/// Columns behind those of the axes; the last one says what is missing, if anything is.
const FIGURES: [&str; 8] =
    ["held-out loss", "accuracy", "of best", "‖x‖", "clipped", "spikes", "minutes", "result"];

/// The table.
pub fn table(grid: &Grid, groups: &[Group]) -> String {
    let losses = groups.iter().filter_map(|group| group.spread(|summary| summary.eval_loss));
    let best = losses.map(|loss| loss.mean).fold(f64::INFINITY, f64::min);
    let axes = grid.axes.iter().map(|axis| axis.name.as_str()).filter(|name| *name != SEED);
    let head: Vec<String> = axes.chain(FIGURES).map(str::to_owned).collect();
    let (names, result) = (head.len() - FIGURES.len(), head.len() - 1);
    let mut rows = vec![head];
    rows.extend(groups.iter().map(|group| {
        let values = group.values.iter().map(ToString::to_string);
        values.chain(figures(group, best)).collect()
    }));
    if rows[1..].iter().all(|row| row[result].is_empty()) {
        rows[0][result].clear();
    }
    align(&rows, |column| column < names || column == result)
}

fn figures(group: &Group, best: f64) -> [String; 8] {
    let of = |figure: fn(&Summary) -> Option<f64>, shown: &dyn Fn(Spread) -> String| {
        group.spread(figure).map(shown).unwrap_or_default()
    };
    [
        of(|summary| summary.eval_loss, &loss),
        of(|summary| summary.eval_accuracy, &|share| percent(share.mean)),
        of(|summary| summary.eval_loss, &|loss| format!("{:.3}", loss.mean / best)),
        of(|summary| Some(summary.param_norm), &|norm| short(norm.mean)),
        of(clipped, &|share| percent(share.mean)),
        of(|summary| Some(summary.spikes as f64), &|spikes| short(spikes.mean)),
        of(|summary| Some(summary.timing.elapsed_seconds), &|time| format!("{:.1}", time.mean / 60.)),
        missing(group),
    ]
}

fn loss(loss: Spread) -> String {
    let sd = loss.sd.map_or(String::new(), |sd| format!(" ± {sd:.4}"));
    format!("{:.4}{sd}", loss.mean)
}

/// Share of the steps whose gradient was clipped.
fn clipped(summary: &Summary) -> Option<f64> {
    Some(summary.clipped_steps as f64 / summary.step.max(1) as f64)
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100. * share)
}

/// Three digits that matter, or all before the point.
fn short(number: f64) -> String {
    let decimals = if number == number.round() { 0 } else { 2_i32 - number.abs().log10().floor() as i32 };
    format!("{number:.*}", decimals.clamp(0, 9) as usize)
}

/// Why runs did not finish, each reason once.
fn missing(group: &Group) -> String {
    let mut reasons: Vec<(String, usize)> = Vec::new();
    for reason in group.rows.iter().filter_map(reason) {
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, times)) => *times += 1,
            None => reasons.push((reason, 1)),
        }
    }
    let of = group.rows.len();
    let shown = |(reason, times): &(String, usize)| match of {
        1 => reason.clone(),
        _ => format!("{times} of {of} {reason}"),
    };
    reasons.iter().map(shown).collect::<Vec<_>>().join("; ")
}

fn reason(row: &Row) -> Option<String> {
    if let Some(failure) = row.failure {
        return Some(format!("failed: {failure}"));
    }
    match row.state {
        State::New => Some("not begun".to_owned()),
        State::Half => Some("not finished".to_owned()),
        State::Over(summary) => {
            summary.diverged.is_some().then(|| format!("diverged at step {}", summary.step))
        }
    }
}

/// Columns of text to the left, of numbers to the right.
pub fn align(rows: &[Vec<String>], is_text: impl Fn(usize) -> bool) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = rows.first().map_or(Vec::new(), |head| (0..head.len()).map(width).collect());
    let line = |row: &Vec<String>| {
        let cells =
            row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match is_text(column) {
                true => format!("{cell:<width$}"),
                false => format!("{cell:>width$}"),
            });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::axis::Axis;
    use crate::sweep::fixture::{axis, grid, summary};
    use crate::sweep::results::groups;
    use crate::sweep::train::Trained;

    fn over(summary: Summary) -> State {
        State::Over(Box::new(summary))
    }

    fn rates() -> Axis {
        axis("lr", &["0.1", "0.2", "9"])
    }

    #[test]
    fn one_line_a_combination_with_the_ratio_to_the_best() {
        let grid = grid(vec![rates()]);
        let diverged = Summary { diverged: Some("loss NaN".into()), eval_loss: None, step: 7, ..summary(0.) };
        let states = vec![over(summary(2.5)), over(Summary { spikes: 0, ..summary(2.) }), over(diverged)];
        let trained = Trained { states, failures: vec![None; 3], stopped: false };
        let found = table(&grid, &groups(&grid, &trained));
        let expected = "\
lr   held-out loss  accuracy  of best   ‖x‖  clipped  spikes  minutes  result
0.1         2.5000    25.0 %    1.250  12.5    5.0 %       1      1.5
0.2         2.0000    25.0 %    1.000  12.5    5.0 %       0      1.5
9                                                                      diverged at step 7";
        assert_eq!(found, expected);
    }

    #[test]
    fn seeds_are_averaged_and_those_without_a_result_counted() {
        let grid = grid(vec![rates(), Axis::seeds(0, 2)]);
        let states = vec![
            over(summary(2.)),
            over(summary(3.)),
            over(summary(4.)),
            State::Half,
            State::New,
            State::New,
        ];
        let failures = vec![None, None, None, Some("no memory".to_owned()), None, None];
        let found = table(&grid, &groups(&grid, &Trained { states, failures, stopped: true }));
        let lines: Vec<&str> = found.lines().collect();
        assert!(lines[1].starts_with("0.1  2.5000 ± 0.7071    25.0 %    1.000"), "{found}");
        assert!(lines[2].starts_with("0.2           4.0000    25.0 %    1.600"), "{found}");
        assert!(lines[2].ends_with("1.5  1 of 2 failed: no memory"), "{found}");
        assert!(lines[3].ends_with("  2 of 2 not begun"), "{found}");
    }

    #[test]
    fn numbers_have_three_digits_that_matter() {
        let shown = [0., 3., 12.53, 0.012345, 1234.5, 1e-12].map(short);
        assert_eq!(shown, ["0", "3", "12.5", "0.0123", "1234", "0.000000000"]);
    }
}
