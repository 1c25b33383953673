//! A line that moves on a terminal, plain lines elsewhere; both on standard error.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use sibert_data::prepare::{Event, Prepared, Request, Stage, Status, prepare};

use crate::console;
use crate::log::count;

/// Between two plain lines.
const PLAIN: Duration = Duration::from_secs(10);
/// Between two looks of the moving line.
const MOVING: Duration = Duration::from_millis(100);

/// Prepares a corpus and shows how far that is.
///
/// # Errors
/// As [`prepare`].
pub fn prepare_shown(request: &Request) -> Result<Prepared> {
    let mut display = Display::new();
    let prepared = prepare(request, &mut |event| {
        match event {
            Event::Advanced(status) => display.show(status),
            Event::Note(line) => display.note(&line),
        }
        Ok(())
    });
    display.finish();
    prepared
}

/// Shows how far a preparation is.
struct Display {
    /// Absent where standard error is not a terminal.
    bar: Option<ProgressBar>,
    stage: Option<Stage>,
    stage_began: Instant,
    shown: Instant,
}

impl Display {
    /// Nothing is shown yet.
    fn new() -> Self {
        let now = Instant::now();
        Self { bar: stderr().is_terminal().then(bar), stage: None, stage_began: now, shown: now }
    }

    /// Shows a status, unless the last one was shown just before.
    fn show(&mut self, status: &Status) {
        let now = Instant::now();
        if self.stage != Some(status.stage) {
            (self.stage, self.stage_began, self.shown) = (Some(status.stage), now, now);
        } else if now - self.shown < if self.bar.is_some() { MOVING } else { PLAIN } {
            return;
        } else {
            self.shown = now;
        }
        let line = line(status, now - self.stage_began);
        match &self.bar {
            Some(bar) => bar.set_message(line),
            None if now > self.stage_began => console::note(line),
            None => {}
        }
    }

    /// Prints a line of its own, above the moving one.
    fn note(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| console::note(line)),
            None => console::note(line),
        }
    }

    /// Takes the moving line away.
    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{spinner:.cyan} {wide_msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(MOVING);
    bar
}

/// `preparing: 3 of 12 files  12.3k documents  4.56M tokens  789k tok/s`
fn line(status: &Status, elapsed: Duration) -> String {
    let Status { stage, files, all_files, documents, tokens } = status;
    let read = format!("{files} of {all_files} files  {} documents", count(*documents as f64));
    match stage {
        Stage::Hashing => format!("taking the digests of {all_files} files"),
        Stage::Learning => format!("learning the vocabulary: {read}"),
        Stage::Encoding => {
            let rate = *tokens as f64 / elapsed.as_secs_f64().max(1e-3);
            format!("preparing: {read}  {} tokens  {} tok/s", count(*tokens as f64), count(rate))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_fits_one_line() {
        let mut status =
            Status { stage: Stage::Encoding, files: 3, all_files: 12, documents: 12_345, tokens: 4_560_000 };
        let shown = line(&status, Duration::from_secs(2));
        assert_eq!(shown, "preparing: 3 of 12 files  12.3k documents  4.56M tokens  2.28M tok/s");
        status.stage = Stage::Learning;
        assert_eq!(line(&status, Duration::ZERO), "learning the vocabulary: 3 of 12 files  12.3k documents");
    }
}
