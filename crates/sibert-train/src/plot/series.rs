//! Reading `metrics.jsonl` into points.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// A named run and the lines of its `metrics.jsonl`.
pub struct Series {
    /// Label of its curves.
    pub name: String,
    lines: Vec<Value>,
}

impl Series {
    /// Reads a `metrics.jsonl`, or that of a run folder; lines that do not parse are left out.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn read(name: &str, path: &Path) -> Result<Self> {
        let path = if path.is_dir() { path.join("metrics.jsonl") } else { path.to_owned() };
        let text = fs::read(&path).with_context(|| {
            format!("cannot read {}: expected the folder of a run, or its metrics.jsonl", path.display())
        })?;
        let lines = text.split(|&byte| byte == b'\n');
        let lines = lines.filter_map(|line| serde_json::from_slice(line).ok()).collect();
        Ok(Self { name: name.to_owned(), lines })
    }

    /// `(step, value)` of a key, given as a JSON pointer, wherever both are finite numbers.
    pub fn points(&self, key: &str) -> Vec<(f64, f64)> {
        let number = |line: &Value, key: &str| line.pointer(key)?.as_f64().filter(|value| value.is_finite());
        self.lines.iter().filter_map(|line| Some((number(line, "/step")?, number(line, key)?))).collect()
    }

    /// The same lines with another quantity in place of the step: its last value up to there, beginning with zero.
    ///
    /// # Errors
    /// If no line has the quantity.
    pub fn over(mut self, key: &str) -> Result<Self> {
        let measured = self.points(key);
        ensure!(
            !measured.is_empty(),
            "no line of its metrics.jsonl has {}",
            key.trim_start_matches('/').replace('/', ".")
        );
        for line in &mut self.lines {
            let Some(step) = line.get("step").and_then(Value::as_f64) else { continue };
            let until = measured.partition_point(|&(at, _)| at <= step);
            line["step"] = until.checked_sub(1).map_or(0., |last| measured[last].1).into();
        }
        Ok(self)
    }

    /// Whether the last line that has this key has no number there: JSON has none that is not finite.
    pub fn ends_without(&self, key: &str) -> bool {
        let last = self.lines.iter().rev().find_map(|line| line.pointer(key));
        last.is_some_and(|value| value.as_f64().is_none())
    }
}

/// Neighbouring points as one: their last step, and the lowest, mean and highest value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// Last step of the points.
    pub step: f64,
    /// Lowest value.
    pub low: f64,
    /// Mean value.
    pub mean: f64,
    /// Highest value.
    pub high: f64,
}

/// The first point and at most `count` bins of equally many others; while they are few, every point is one.
pub fn bins(points: &[(f64, f64)], count: usize) -> Vec<Bin> {
    let (first, rest) = points.split_at(points.len().min(1));
    let size = rest.len().div_ceil(count).max(1);
    first.chunks(1).chain(rest.chunks(size)).map(bin).collect()
}

fn bin(points: &[(f64, f64)]) -> Bin {
    let (values, count) = (|| points.iter().map(|point| point.1), points.len() as f64);
    let mean = values().sum::<f64>() / count;
    Bin {
        step: points[points.len() - 1].0,
        low: values().fold(f64::INFINITY, f64::min),
        mean: if mean.is_finite() { mean } else { values().map(|value| value / count).sum() },
        high: values().fold(f64::NEG_INFINITY, f64::max),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn absent_and_null_values_are_skipped() {
        let dir = tempfile::tempdir().unwrap();
        let lines = "{\"step\":1,\"loss\":2}\n{\"step\":2,\"loss\":null}\n{\"step\":3}\n\
                     {\"step\":4,\"loss\":1,\"timing\":{\"tokens_per_second\":9}}\n{\"step\":5,\"lo";
        fs::write(dir.path().join("metrics.jsonl"), lines).unwrap();
        let run = Series::read("a", dir.path()).unwrap();
        assert_eq!(run.points("/loss"), [(1., 2.), (4., 1.)]);
        assert_eq!(run.points("/timing/tokens_per_second"), [(4., 9.)]);
        assert!(!run.ends_without("/loss") && !run.ends_without("/angle"));
        fs::write(dir.path().join("metrics.jsonl"), "{\"step\":2,\"loss\":null}\n{\"step\":3}\n").unwrap();
        assert!(Series::read("a", dir.path()).unwrap().ends_without("/loss"));
    }

    #[test]
    fn another_quantity_takes_the_place_of_the_step() {
        let dir = tempfile::tempdir().unwrap();
        let lines = "{\"step\":1,\"eval_loss\":5}\n{\"step\":2,\"loss\":2,\"tokens\":64}\n\
                     {\"step\":3,\"eval_loss\":4}\n{\"step\":4,\"loss\":1,\"tokens\":128}\n";
        fs::write(dir.path().join("metrics.jsonl"), lines).unwrap();
        let read = || Series::read("a", dir.path()).unwrap();
        let run = read().over("/tokens").unwrap();
        assert_eq!(run.points("/loss"), [(64., 2.), (128., 1.)]);
        assert_eq!(run.points("/eval_loss"), [(0., 5.), (64., 4.)]);
        let error = read().over("/timing/elapsed_seconds").err().unwrap().to_string();
        assert!(error.contains("timing.elapsed_seconds"), "{error}");
    }

    #[test]
    fn bins_keep_spikes() {
        let mut points: Vec<(f64, f64)> = (0..=10_000).map(|step| (f64::from(step), 1.)).collect();
        points[5_004].1 = 50.;
        let bins = bins(&points, 100);
        assert_eq!(bins.len(), 101);
        assert_eq!(bins[0].step, 0.);
        assert_eq!(bins[100], Bin { step: 10_000., low: 1., mean: 1., high: 1. });
        assert_eq!(bins[51], Bin { step: 5_100., low: 1., mean: 1.49, high: 50. });
    }

    #[test]
    fn few_points_stay_as_they_are() {
        let bins = bins(&[(1., 2.), (3., 4.)], 100);
        assert_eq!(bins[1], Bin { step: 3., low: 4., mean: 4., high: 4. });
        assert_eq!(bins.len(), 2);
    }
}
