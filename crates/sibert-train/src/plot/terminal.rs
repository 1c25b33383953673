//! Charts as text: lines of braille dots, eight to a character, with labels at their ends.

use super::axis::{self, Unit};
use super::canvas::Point;
use super::figure::{Bars, Chart, Line, Look, NEUTRAL};
use super::frame::spread_lines;

/// Characters that lines are drawn in.
const COLUMNS: usize = 60;
const ROWS: usize = 14;
/// Width of the numbers left of it.
const MARGIN: usize = 8;
/// Colours of the palette, as close as a terminal's 256 come.
const ANSI: [u8; 7] = [32, 166, 36, 175, 178, 74, 244];
/// Bits of the dots in a braille character, by row and column.
const DOTS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
/// The signs that fill a bar's parts.
const FILLS: [char; 4] = ['█', '▓', '▒', '░'];

/// A character and the index of its colour.
type Cell = (char, Option<usize>);

/// A chart with its title, in some 15 lines.
pub fn chart(chart: &Chart, colour: bool) -> String {
    let mut grid = Grid { dots: vec![[(0, None); COLUMNS]; ROWS] };
    let mut lines: Vec<&Line> = chart.lines.iter().filter(|line| shown(line)).collect();
    lines.sort_by_key(|line| line.look);
    lines.iter().for_each(|line| grid.draw(chart, line));
    let mut rows = grid.characters();
    for cross in &chart.crosses {
        let (x, y) = place(chart, (cross.x, cross.y.unwrap_or(chart.y.high())));
        rows[y as usize / 4][x as usize / 2] = ('×', Some(cross.colour));
    }
    let (labels, ticks) = (labels(chart), ticks(chart));
    let mut text = format!("{:MARGIN$}  {}\n", "", chart.title);
    for (row, cells) in rows.iter().enumerate() {
        text += &format!("{:>MARGIN$} ┤", ticks[row]);
        cells.iter().for_each(|cell| text += &paint(&cell.0.to_string(), cell.1, colour));
        if let Some((label, index)) = &labels[row] {
            text += &format!(" {}", paint(label, *index, colour));
        }
        text = text.trim_end().to_owned() + "\n";
    }
    text + &foot(chart)
}

/// A bar a row, with the numbers of its parts.
pub fn bars(bars: &Bars, colour: bool) -> String {
    let width = bars.rows.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    let keys = bars.parts.iter().enumerate().map(|(part, name)| {
        format!("{} {name}", paint(&FILLS[part % FILLS.len()].to_string(), part_colour(part), colour))
    });
    let mut text = format!("{}   {}\n", bars.title, keys.collect::<Vec<_>>().join("  "));
    for (label, values) in &bars.rows {
        text += &format!("{label:>width$} ");
        let (mut sum, mut drawn) = (0., 0);
        for (part, value) in values.iter().enumerate() {
            sum += value;
            let until = (sum / bars.longest() * COLUMNS as f64 / 2.).round() as usize;
            let fill: String = std::iter::repeat_n(FILLS[part % FILLS.len()], until - drawn).collect();
            text += &paint(&fill, part_colour(part), colour);
            drawn = until;
        }
        let numbers: Vec<String> = values.iter().map(|value| axis::value(*value, Unit::Number)).collect();
        text += &format!(" {} = {}\n", numbers.join(" + "), axis::value(sum, Unit::Number));
    }
    text
}

fn part_colour(part: usize) -> Option<usize> {
    [Some(0), Some(2), Some(1)].get(part).copied().flatten()
}

fn shown(line: &Line) -> bool {
    matches!(line.look, Look::Main | Look::Dotted | Look::Dashed | Look::Points)
}

fn paint(text: &str, index: Option<usize>, colour: bool) -> String {
    match index {
        Some(index) if colour && index != NEUTRAL => {
            format!("\x1b[38;5;{}m{text}\x1b[0m", ANSI[index % ANSI.len()])
        }
        _ => text.to_owned(),
    }
}

/// A value's place in dots, from the upper left, inside the chart.
fn place(chart: &Chart, (x, y): Point) -> Point {
    let (width, height) = ((2 * COLUMNS - 1) as f64, (4 * ROWS - 1) as f64);
    let (x, y) = (chart.x.position(x), chart.y.position(y));
    ((x * width).round().clamp(0., width), ((1. - y) * height).round().clamp(0., height))
}

struct Grid {
    /// Dots of each character, and the colour of the last.
    dots: Vec<[(u8, Option<usize>); COLUMNS]>,
}

impl Grid {
    fn draw(&mut self, chart: &Chart, line: &Line) {
        let inside: Vec<&(f64, f64)> =
            line.points.iter().filter(|(_, y)| (-0.01..=1.01).contains(&chart.y.position(*y))).collect();
        let places: Vec<Point> = inside.iter().map(|&&point| place(chart, point)).collect();
        places.iter().for_each(|&at| self.set(at, line.colour));
        for ends in places.windows(2).filter(|_| line.look != Look::Points) {
            let (from, to) = (ends[0], ends[1]);
            let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()) as usize;
            for step in (0..=steps).filter(|step| line.look != Look::Dashed || step % 4 == 0) {
                let share = step as f64 / steps.max(1) as f64;
                let at = (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1));
                self.set((at.0.round(), at.1.round()), line.colour);
            }
        }
    }

    fn set(&mut self, (x, y): Point, colour: usize) {
        let (x, y) = (x as usize, y as usize);
        let cell = &mut self.dots[y / 4][x / 2];
        *cell = (cell.0 | DOTS[y % 4][x % 2], Some(colour));
    }

    fn characters(&self) -> Vec<Vec<Cell>> {
        let character = |&(bits, colour): &(u8, Option<usize>)| match bits {
            0 => (' ', None),
            bits => (char::from_u32(0x2800 + u32::from(bits)).unwrap_or(' '), colour),
        };
        self.dots.iter().map(|row| row.iter().map(character).collect()).collect()
    }
}

/// Labels by row, pushed apart.
fn labels(chart: &Chart) -> Vec<Option<(String, Option<usize>)>> {
    let ends = chart.lines.iter().filter(|line| !line.label.is_empty()).filter_map(|line| {
        Some((place(chart, *line.points.last()?).1 / 4., line.label.clone(), Some(line.colour)))
    });
    let crosses = chart.crosses.iter().filter(|cross| !cross.text.is_empty()).map(|cross| {
        let (_, y) = place(chart, (cross.x, cross.y.unwrap_or(chart.y.high())));
        (y / 4., format!("× {}", cross.text), Some(cross.colour))
    });
    let mut all: Vec<_> = ends.chain(crosses).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let heights: Vec<f64> = all.iter().map(|label| label.0.floor()).collect();
    let mut rows = vec![None; ROWS];
    for ((_, text, colour), row) in all.into_iter().zip(spread_lines(&heights, 0., (ROWS - 1) as f64, 1.)) {
        if let Some(place) = rows.get_mut(row.max(0.) as usize) {
            *place = Some((text, colour));
        }
    }
    rows
}

/// Labels of y by row.
fn ticks(chart: &Chart) -> Vec<String> {
    let mut rows = vec![String::new(); ROWS];
    for (value, label) in &chart.y.ticks {
        rows[place(chart, (chart.x.low(), *value)).1 as usize / 4].clone_from(label);
    }
    rows
}

/// The line below, and labels of x where there is room.
fn foot(chart: &Chart) -> String {
    let mut labels = String::new();
    for (value, label) in &chart.x.ticks {
        let at =
            (place(chart, (*value, chart.y.low())).0 as usize / 2).saturating_sub(label.chars().count() / 2);
        let free = labels.chars().count();
        if free == 0 || at > free {
            labels += &format!("{:>1$}{label}", "", at - free.min(at));
        }
    }
    let gap = COLUMNS.saturating_sub(labels.chars().count() + chart.x_title.chars().count()).max(2);
    format!("{:MARGIN$} └{}\n{:MARGIN$}  {labels}{:gap$}{}\n", "", "─".repeat(COLUMNS), "", "", chart.x_title)
}
