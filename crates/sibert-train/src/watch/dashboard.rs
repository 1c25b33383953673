//! The whole frame: a column for each run.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{LineGauge, Paragraph, Wrap};

use super::chart;
use super::panel::{Panel, panels};
use super::run::Watched;
use super::status::Status;
use crate::log::{clock, count};

/// Characters from which a column has two charts side by side.
const WIDE: u16 = 84;
/// Lines that a chart needs.
const LOW: u16 = 8;
/// Warnings that are shown.
const WARNINGS: usize = 2;

/// Draws all runs, side by side.
pub fn draw(frame: &mut Frame, runs: &[Watched]) {
    let [body, foot] = Layout::vertical([Constraint::Fill(1), Constraint::Length(1)]).areas(frame.area());
    let columns = Layout::horizontal(vec![Constraint::Fill(1); runs.len()]).spacing(1).split(body);
    runs.iter().zip(columns.iter()).for_each(|(run, area)| column(frame, *area, run));
    let dim = Style::new().add_modifier(Modifier::DIM);
    frame.render_widget(Line::styled("q quits", dim), foot);
}

fn column(frame: &mut Frame, area: Rect, run: &Watched) {
    let warned = run.warnings.len().min(WARNINGS);
    let words = run.warnings[run.warnings.len() - warned..].iter();
    let lines: usize =
        words.clone().map(|words| words.chars().count() / usize::from(area.width.max(1)) + 1).sum();
    let [head, gauge, numbers, charts, warnings] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(lines as u16),
    ])
    .areas(area);
    frame.render_widget(heading(run), head);
    draw_progress(frame, gauge, run);
    frame.render_widget(Line::from(pace(run)), numbers);
    draw_charts(frame, charts, run, &panels(run));
    let words: Vec<Line> = words.map(|words| Line::styled(words.clone(), Color::Red)).collect();
    frame.render_widget(Paragraph::new(words).wrap(Wrap { trim: true }), warnings);
}

fn heading(run: &Watched) -> Line<'static> {
    let colour = match run.status {
        Status::Running => Color::Green,
        Status::Finished => Color::Cyan,
        Status::Absent | Status::Starting => Color::Gray,
        Status::Stopped | Status::Diverged(_) => Color::Red,
    };
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let status = Span::styled(run.status.words(), colour);
    Line::from(vec![
        Span::styled(run.name.clone(), bold),
        "  ".into(),
        status,
        "  ".into(),
        run.what().into(),
    ])
}

fn draw_progress(frame: &mut Frame, area: Rect, run: &Watched) {
    let Some(steps) = run.steps().filter(|steps| *steps > 0.) else { return };
    let done = run.step();
    let share = (done / steps).clamp(0., 1.);
    let label = format!("step {done}/{steps}  {:.0} %", (100. * share).floor());
    let gauge = LineGauge::default().ratio(share).label(label).filled_style(Color::Cyan);
    frame.render_widget(gauge, area);
}

/// `epoch 1.50  12.3k tokens/s  3m20s left  peak 120 MiB  clipped 1.5 %`
fn pace(run: &Watched) -> String {
    let training = !matches!(run.status, Status::Finished | Status::Diverged(_));
    let parts = [
        run.epochs_done().map(|epoch| format!("epoch {epoch:.2}")),
        run.last("/timing/tokens_per_second").map(|pace| format!("{} tokens/s", count(pace))),
        run.last("/timing/samples_per_second").map(|pace| format!("{} samples/s", count(pace))),
        run.time_left().filter(|_| training).map(|left| format!("{} left", clock(left))),
        run.last("/timing/peak_bytes").map(|bytes| format!("peak {:.0} MiB", bytes / f64::from(1 << 20))),
        run.last("/clip_rate").filter(|rate| *rate > 0.).map(|rate| format!("clipped {:.1} %", 100. * rate)),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("  ")
}

/// As many panels as there is room for, in rows of one or two.
fn draw_charts(frame: &mut Frame, area: Rect, run: &Watched, panels: &[Panel]) {
    let columns = if area.width >= WIDE { 2 } else { 1 };
    let rows = usize::from(area.height / LOW).min(panels.len().div_ceil(columns));
    if rows == 0 {
        return;
    }
    let areas = Layout::vertical(vec![Constraint::Fill(1); rows]).split(area);
    for (row, panels) in areas.iter().zip(panels.chunks(columns)) {
        let places = Layout::horizontal(vec![Constraint::Fill(1); panels.len()]).split(*row);
        panels.iter().zip(places.iter()).for_each(|(panel, place)| chart::draw(frame, *place, run, panel));
    }
}
