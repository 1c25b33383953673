//! The numbers of a figure as CSV, one point a line.

use anyhow::Result;

use super::{Bars, Chart, Picture};
use crate::csv;

/// `figure,label,run,series,step,value`: a header and the points of every line, or the parts of every bar.
///
/// # Errors
/// Never in practice: the rows are of one length.
pub fn csv(picture: &Picture) -> Result<String> {
    let rows = match picture {
        Picture::Charts(charts) => chart_rows(charts),
        Picture::Bars(bars) => bar_rows(bars),
    };
    csv::text(rows)
}

fn chart_rows(charts: &[Chart]) -> Vec<Vec<String>> {
    let x_key = charts.first().map_or("step", |chart| chart.x_key.as_str());
    let mut rows = vec![["figure", "label", "run", "series", x_key, "value"].map(String::from).to_vec()];
    for chart in charts {
        let row = |label: &str, run: &str, series: &str, x: String, y: String| {
            vec![chart.title.into(), label.into(), run.into(), series.into(), x, y]
        };
        for line in &chart.lines {
            let point =
                |(x, y): &(f64, f64)| row(&line.group, &line.run, line.series, x.to_string(), y.to_string());
            rows.extend(line.points.iter().map(point));
        }
        for cross in &chart.crosses {
            let y = cross.y.map_or(String::new(), |y| y.to_string());
            rows.push(row(&cross.group, &cross.run, "diverged", cross.x.to_string(), y));
        }
        rows.extend(
            chart.rules.iter().map(|(y, name)| row(name, "", "threshold", String::new(), y.to_string())),
        );
    }
    rows
}

fn bar_rows(bars: &Bars) -> Vec<Vec<String>> {
    let mut rows = vec![["figure", "label", "part", "value"].map(String::from).to_vec()];
    for (label, values) in &bars.rows {
        let parts = bars.parts.iter().zip(values);
        rows.extend(parts.map(|(part, value)| {
            vec![bars.title.to_owned(), label.clone(), (*part).to_owned(), value.to_string()]
        }));
    }
    rows
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_a_row_a_part_and_commas_are_quoted() {
        let rows = vec![("SIBERT, SGD".to_owned(), vec![1.5, 2.])];
        let bars = Bars { title: "Memory", parts: vec!["a \"b\"", "c"], sum: "sum", rows };
        assert_eq!(
            csv(&Picture::Bars(bars)).unwrap(),
            "figure,label,part,value\nMemory,\"SIBERT, SGD\",\"a \"\"b\"\"\",1.5\nMemory,\"SIBERT, SGD\",c,2\n"
        );
    }
}
