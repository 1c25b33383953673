//! A panel as a chart of braille dots.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::{Axis, Block, Chart, Dataset, GraphType};

use super::panel::{Panel, short};
use super::run::{Points, Watched};
use crate::log::count;
use crate::plot::thinned;

/// Numbers beyond it are not drawn: lines to them would leave the numbers that the terminal's grid is computed in.
const LARGEST: f64 = 1e30;

/// Draws a panel.
pub fn draw(frame: &mut Frame, area: Rect, run: &Watched, panel: &Panel) {
    let dots = 2 * usize::from(area.width.max(1));
    let drawn = |key| {
        let mut points = thinned(run.points(key), dots);
        points.retain(|(_, value)| value.abs() < LARGEST);
        points
    };
    let curves: Vec<Points> = panel.curves.iter().map(|(key, _)| drawn(key)).collect();
    let bounds = |of: fn(&(f64, f64)) -> f64| {
        let values = curves.iter().flatten().map(of);
        values
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
    };
    let (x, y) = (apart(bounds(|point| point.0)), apart(bounds(|point| point.1)));
    let datasets = curves.iter().zip(&panel.curves).map(|(points, (_, colour))| {
        let line = Dataset::default().marker(Marker::Braille).graph_type(GraphType::Line);
        line.style(Style::new().fg(*colour)).data(points)
    });
    let dim = Style::new().add_modifier(Modifier::DIM);
    let axis =
        |(low, high), labels: Vec<String>| Axis::default().bounds([low, high]).labels(labels).style(dim);
    let middle = (y.0 + y.1) / 2.;
    let chart = Chart::new(datasets.collect())
        .block(Block::bordered().border_style(dim).title(Line::from(panel.title.clone())))
        .legend_position(None)
        .x_axis(axis(x, vec![count(x.0), count(x.1)]))
        .y_axis(axis(y, vec![short(y.0), short(middle), short(y.1)]));
    frame.render_widget(chart, area);
}

/// Bounds that are far enough apart for a scale between them; of no value, 0 and 1.
fn apart((low, high): (f64, f64)) -> (f64, f64) {
    let size = low.abs().max(high.abs());
    if !size.is_finite() {
        return (0., 1.);
    }
    let least = (1e-6 * size).max(1e-9);
    if high - low > least { (low, high) } else { (low - 0.5 * least, high + 0.5 * least) }
}
