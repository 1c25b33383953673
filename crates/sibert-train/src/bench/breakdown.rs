//! Where the time of a training step goes.

use std::fmt;
use std::time::Duration;

use sibert_model::tape::profile::{Profile, Span};

/// How long the parts of one step took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parts {
    /// Drawing and masking tokens.
    pub data: Duration,
    /// Forward and backward pass.
    pub gradients: Duration,
    /// The optimizers.
    pub update: Duration,
}

impl Parts {
    /// Adds those of another step.
    pub fn add(&mut self, other: &Self) {
        self.data += other.data;
        self.gradients += other.gradients;
        self.update += other.update;
    }
}

/// The mean step: its operations, those that take longest first, then its other parts.
pub struct Breakdown {
    rows: Vec<Row>,
    total: f64,
}

struct Row {
    name: String,
    calls: usize,
    ms: [f64; 2], // forward and backward
}

impl Breakdown {
    /// The mean of `steps`, whose operations took `profile` together.
    pub fn new(steps: &[Parts], profile: &Profile) -> Self {
        let ms = |time: Duration| 1e3 * time.as_secs_f64() / steps.len() as f64;
        let operation = |(name, span): (&&str, &Span)| Row {
            name: name.to_string(),
            calls: span.calls / steps.len(),
            ms: [ms(span.forward), ms(span.backward)],
        };
        let mut rows: Vec<Row> = profile.iter().map(operation).collect();
        rows.sort_by(|a, b| b.total().total_cmp(&a.total()));
        let inside: f64 = rows.iter().map(Row::total).sum();
        let sum = |part: fn(&Parts) -> Duration| ms(steps.iter().map(part).sum());
        let other = |name: &str, ms: f64| Row { name: name.to_string(), calls: 1, ms: [ms, 0.] };
        let gradients = sum(|parts| parts.gradients);
        rows.push(other("between operations", gradients - inside));
        rows.push(other("optimizers", sum(|parts| parts.update)));
        rows.push(other("data", sum(|parts| parts.data)));
        let total = rows.iter().map(Row::total).sum();
        Self { rows, total }
    }
}

impl Row {
    fn total(&self) -> f64 {
        self.ms[0] + self.ms[1]
    }
}

impl fmt::Display for Breakdown {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "| operation | calls | forward ms | backward ms | share |")?;
        writeln!(f, "|---|---|---|---|---|")?;
        for row in &self.rows {
            let (Row { name, calls, ms }, share) = (row, 100. * row.total() / self.total);
            writeln!(f, "| {name} | {calls} | {:.2} | {:.2} | {share:.1} % |", ms[0], ms[1])?;
        }
        write!(f, "| **step** | | | {:.2} | |", self.total)
    }
}
