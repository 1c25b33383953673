//! What a run reports: sums over steps, one JSON object a line, and a progress bar.

mod metrics;
mod progress;
mod summary;
mod window;

pub use metrics::{Evaluation, MetricsLog};
pub use progress::{Progress, clock, count};
pub use summary::{Memory, SUMMARY, Summary, SummaryTiming};
pub use window::{Report, StepMetrics, Window};
