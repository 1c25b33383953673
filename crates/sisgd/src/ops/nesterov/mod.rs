//! Nesterov's momentum as one launch; on the CPU it is two of [`scaled_add`](super::scaled_add::scaled_add).

use super::group::{Group, KERNELS, Traits};
use super::verdict::Verdict;
use crate::gradients::Fitting;
use candle_core::{DType, Result};
use cukernel::args;

/// `V ← μ·V + G` for every variable, and a group whose gradients are `G + μ·V`; V is the group's state.
pub(crate) fn accumulate(
    group: &Group,
    gradients: &[Fitting],
    verdict: &Verdict,
    momentum: f64,
) -> Result<Group> {
    let mut directions = Vec::with_capacity(gradients.len());
    for gradient in gradients {
        let values = cukernel::empty(gradient.var.shape(), DType::F32, group.device())?;
        directions.push(gradient.replaced(values));
    }
    let along = Group::new(&directions, &[], |_| Traits::default())?;
    let numbers = args![(1. - momentum) as f32, momentum as f32];
    let tables = args![group.table, group.len, along.table, verdict.guard];
    // SAFETY: both tables' tensors have the lengths that they tell, the velocities among them; nothing else writes them.
    unsafe { KERNELS.launch(group.device(), "nesterov", group.blocks(), &[&tables[..], &numbers].concat())? };
    Ok(along)
}
