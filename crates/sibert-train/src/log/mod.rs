//! The reports of a run: sums over steps, one JSON object a line, and a progress bar.

mod group_norms;
mod metrics;
mod progress;
mod summary;
mod trajectory;
mod window;

pub use group_norms::group_norms;
pub use metrics::{Evaluation, MetricsLog};
pub use progress::{Progress, clock, count};
pub use summary::{Memory, Summary, SummaryTiming};
pub use trajectory::Trajectory;
pub use window::{Report, Sphere, StepMetrics, Window};
