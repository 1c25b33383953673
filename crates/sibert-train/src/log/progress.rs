//! A bar on a terminal, plain lines elsewhere; both on standard error.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Report;
use crate::console;

/// Shows how far a run is.
pub struct Progress {
    /// Absent where standard error is not a terminal.
    bar: Option<ProgressBar>,
    /// The noun that is counted.
    noun: &'static str,
    total: usize,
    start: usize,
    began: Instant,
}

impl Progress {
    /// A run of `total` steps of which `start` are done.
    pub fn new(total: usize, start: usize) -> Self {
        Self::counting("step", total, start)
    }

    /// The same of something else than steps.
    pub fn counting(noun: &'static str, total: usize, start: usize) -> Self {
        let bar = (stderr().is_terminal() && !console::is_silent()).then(|| bar(total, start));
        Self { bar, noun, total, start, began: Instant::now() }
    }

    /// Moves the bar to `step`.
    pub fn step(&self, step: usize) {
        if let Some(bar) = &self.bar {
            bar.set_position(step as u64);
        }
    }

    /// Shows the numbers of one report.
    pub fn report(&self, report: &Report) {
        self.show(report.step, &summary(report));
    }

    /// Shows a line about `step`, with the time that is left behind it.
    pub fn show(&self, step: usize, line: &str) {
        let (done, to_come) = (step.saturating_sub(self.start), self.total.saturating_sub(step));
        let left = remaining(self.began.elapsed(), done, to_come);
        let left = left.map(|left| format!("  {} left", clock(left))).unwrap_or_default();
        match &self.bar {
            Some(bar) => {
                bar.set_position(step as u64);
                let left = left.trim_start(); // first: a narrow terminal cuts the end of the line
                bar.set_message(format!("{left}{}{line}", if left.is_empty() { "" } else { "  " }));
            }
            None => console::note(format!("{} {step}/{}  {line}{left}", self.noun, self.total)),
        }
    }

    /// Shows a line about `step` that stays, above the bar, and the time that is left.
    pub fn keep(&self, step: usize, line: &str) {
        if self.bar.is_some() {
            self.note(line);
        }
        self.show(step, if self.bar.is_some() { "" } else { line });
    }

    /// Prints a line of its own, above the bar.
    pub fn note(&self, message: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| console::note(message)),
            None => console::note(message),
        }
    }

    /// Leaves the bar as it stands and ends its line.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.abandon();
            console::note("");
        }
    }
}

fn bar(total: usize, start: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:16.cyan/dim} {pos}/{len}  {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸─");
    bar.set_style(style);
    bar.set_position(start as u64);
    bar
}

/// `loss 3.142  accuracy 41.2 %  12.3k tok/s  clipped 1.5 %`
fn summary(report: &Report) -> String {
    format!(
        "loss {:.3}  accuracy {:.1} %  {} tok/s  clipped {:.1} %",
        report.loss,
        100. * report.masked_accuracy,
        count(report.timing.tokens_per_second),
        100. * report.clip_rate,
    )
}

/// Time for the steps to come at the mean pace since this process began.
fn remaining(elapsed: Duration, done: usize, to_come: usize) -> Option<Duration> {
    (done > 0).then(|| Duration::from_secs_f64(elapsed.as_secs_f64() * to_come as f64 / done as f64))
}

/// `950`, `12.3k`, `4.56M`: three significant digits.
pub fn count(number: f64) -> String {
    let (scaled, unit) = match number {
        n if n < 999.5 => return format!("{n:.0}"),
        n if n < 999_500. => (n / 1e3, "k"),
        n if n < 999_500_000. => (n / 1e6, "M"),
        n => (n / 1e9, "G"),
    };
    let decimals = if scaled < 9.995 { 2 } else { usize::from(scaled < 99.95) };
    format!("{scaled:.decimals$}{unit}")
}

/// `42s`, `3m20s`, `5h07m`, `2d03h`.
pub fn clock(time: Duration) -> String {
    let seconds = time.as_secs_f64().round() as u64;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Window;

    #[test]
    fn numbers_are_short() {
        let counts = [950.2, 999.6, 12_345., 99_960., 4_560_000., 2e9].map(count);
        assert_eq!(counts, ["950", "1.00k", "12.3k", "100k", "4.56M", "2.00G"]);
        let clocks = [42.4, 200., 18_420., 183_600.].map(|seconds| clock(Duration::from_secs_f64(seconds)));
        assert_eq!(clocks, ["42s", "3m20s", "5h07m", "2d03h"]);
    }

    #[test]
    fn time_left_counts_the_steps_of_this_process_only() {
        assert_eq!(remaining(Duration::from_secs(10), 5, 20), Some(Duration::from_secs(40)));
        assert_eq!(remaining(Duration::from_secs(10), 0, 20), None);
    }

    #[test]
    fn a_report_fits_one_line() {
        let mut report = Window::default().report(1, 0, 0.);
        (report.loss, report.masked_accuracy, report.clip_rate) = (2.71449, 0.412, 0.015);
        report.timing.tokens_per_second = 12_345.;
        assert_eq!(summary(&report), "loss 2.714  accuracy 41.2 %  12.3k tok/s  clipped 1.5 %");
    }
}
