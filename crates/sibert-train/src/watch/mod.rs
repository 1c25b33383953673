//! `sibert watch`: the curves of runs in the terminal while they train.
//!
//! It reads what the runs leave in their folders and nothing else: they may be of any process, running or over.

mod chart;
mod dashboard;
mod follow;
mod panel;
mod run;
mod status;
#[cfg(test)]
mod tests;

use std::io::{IsTerminal, stdout};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::crossterm::terminal;
use ratatui::{Terminal, TerminalOptions};

use crate::args::WatchArgs;
use crate::console::result;
use crate::signals;
use crate::sweep;
use run::Watched;

/// Time between two looks at the files.
const PAUSE: Duration = Duration::from_millis(500);
/// Characters in a line where there is no terminal to ask.
const WIDTH: u16 = 100;
/// Lines of a frame that is printed.
const HEIGHT: u16 = 40;

/// Shows the runs until `q` is pressed; prints one frame as text if asked to, or where there is no terminal.
///
/// # Errors
/// If a folder is a sweep, a frame is to be printed of a run that is not there, or the terminal fails.
pub fn run(args: &WatchArgs) -> Result<()> {
    for folder in &args.runs {
        ensure!(sweep::runs_of(folder)?.is_none(), "{} is a sweep: name some of its runs", folder.display());
    }
    let mut runs: Vec<Watched> = args.runs.iter().map(|folder| Watched::new(folder)).collect();
    if args.once || !stdout().is_terminal() {
        return once(args, &mut runs);
    }
    live(&mut runs)
}

fn once(args: &WatchArgs, runs: &mut [Watched]) -> Result<()> {
    for (run, path) in runs.iter_mut().zip(&args.runs) {
        run.look();
        ensure_there(path)?;
    }
    let wide = || terminal::size().ok().filter(|_| stdout().is_terminal()).map(|(columns, _)| columns);
    let width = args.width.or_else(wide).unwrap_or(WIDTH);
    result(text(&drawn(runs, width, HEIGHT)?))
}

fn ensure_there(path: &Path) -> Result<()> {
    ensure!(
        path.exists(),
        "{} is not there: expected the folder of a run, or its metrics.jsonl",
        path.display()
    );
    Ok(())
}

/// One frame.
fn drawn(runs: &[Watched], width: u16, height: u16) -> Result<Buffer> {
    let mut terminal = Terminal::with_options(TestBackend::new(width, height), TerminalOptions::default())?;
    terminal.draw(|frame| dashboard::draw(frame, runs))?;
    Ok(terminal.backend().buffer().clone())
}

/// The characters of a frame without their colours.
fn text(frame: &Buffer) -> String {
    let width = usize::from(frame.area.width).max(1);
    let line = |cells: &[ratatui::buffer::Cell]| {
        let line: String = cells.iter().map(ratatui::buffer::Cell::symbol).collect();
        line.trim_end().to_owned()
    };
    let lines: Vec<String> = frame.content.chunks(width).map(line).collect();
    lines.join("\n").trim_end().to_owned()
}

/// Gives the terminal back, however the watching ends.
struct Restored;

impl Drop for Restored {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

fn live(runs: &mut [Watched]) -> Result<()> {
    let _restored = Restored;
    signals::before_end(ratatui::restore)?;
    let mut terminal = ratatui::try_init().context("cannot use the terminal; --once prints one frame")?; // and on a panic
    loop {
        runs.iter_mut().for_each(Watched::look);
        terminal.draw(|frame| dashboard::draw(frame, runs)).context("cannot write to the terminal")?;
        if event::poll(PAUSE).context("cannot read the keyboard")? && is_quit(&event::read()?) {
            return Ok(());
        }
    }
}

/// In a terminal that is drawn on, Ctrl-C is a key and no signal.
fn is_quit(event: &Event) -> bool {
    let Event::Key(key) = event else { return false };
    let control_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    key.kind == KeyEventKind::Press && (control_c || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc))
}
