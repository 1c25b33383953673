//! The launch.

use crate::ops::group::{Group, KERNELS};
use crate::ops::verdict::Verdict;
use candle_core::Result;
use cukernel::args;

/// `x ← (1 − decay)·x − lr·clip·g` for every variable, the clip factor being the verdict's.
pub(crate) fn scaled_add_all(group: &Group, verdict: &Verdict, decay: f64, lr: f64) -> Result<()> {
    let Verdict { guard, report, .. } = verdict;
    let args = args![group.table, group.len, guard, report, lr, decay as f32];
    // SAFETY: the table's tensors have the lengths that it tells, and nothing else writes them.
    unsafe { KERNELS.launch(group.device(), "scaled_add", group.blocks(), &args) }
}
