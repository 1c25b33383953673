//! The update of gradient descent with momentum, as one launch; on the CPU it is two of
//! [`scaled_add`](super::scaled_add::scaled_add).

use super::group::{Group, KERNELS};
use super::verdict::Verdict;
use candle_core::Result;
use cukernel::args;

/// `w ← momentum·w + clip·g`, then `x ← (1 − decay)·x − lr·w`, for every variable.
pub(crate) fn heavy_ball_all(
    group: &Group,
    verdict: &Verdict,
    momentum: f64,
    decay: f64,
    lr: f64,
) -> Result<()> {
    let Verdict { guard, report, .. } = verdict;
    let args = args![group.table, group.len, guard, report, (1. - momentum) as f32, decay as f32, lr as f32];
    // SAFETY: the table's tensors have the lengths that it tells, the velocities among them, and nothing else writes them.
    unsafe { KERNELS.launch(group.device(), "heavy_ball", group.blocks(), &args) }
}
