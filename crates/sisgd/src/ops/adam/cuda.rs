//! The launches: one for the moments and the variables without a trust ratio, two more if there are others.

use super::Adam;
use crate::ops::group::{Group, KERNELS};
use crate::ops::verdict::Verdict;
use candle_core::{DType, Result};
use cukernel::args;

/// A step of all variables; the decays are those of the variables that are decayed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdamStep {
    /// Its clip factor is not read: the device has it.
    pub adam: Adam,
    /// `ηλ` of a decoupled decay.
    pub shrink: f64,
    pub lr: f64,
    /// Whether no trust ratio is above 1.
    pub trust_clip: bool,
}

impl AdamStep {
    /// Enqueues the step.
    pub fn enqueue(&self, group: &Group, verdict: &Verdict) -> Result<()> {
        let Self { adam, shrink, lr, trust_clip } = *self;
        let Group { table, len, chunks, .. } = group;
        let Verdict { guard, report, sums } = verdict;
        let [weight, l2, shrink32, lr32] = [adam.weight, adam.l2, shrink, lr].map(|x| x as f32);
        let [forget1, forget2] = [adam.beta1, adam.beta2].map(|beta| (1. - beta) as f32);
        let direction = [adam.correction1, adam.correction2, adam.eps, adam.eps_root, adam.decay];
        let [correction1, correction2, eps, eps_root, decay] = direction.map(|x| x as f32);

        let parts = group.empty(*chunks, DType::F64)?;
        let rule = args![
            forget1,
            weight,
            forget2,
            l2,
            correction1,
            correction2,
            eps,
            eps_root,
            decay,
            shrink32,
            lr32
        ];
        let moments = [&args![table, *len, guard, report, parts][..], &rule].concat();
        // SAFETY: the table's tensors have the lengths that it tells, the moments among them, and nothing else writes them.
        unsafe { KERNELS.launch(group.device(), "adam_moments", group.blocks(), &moments) }?;
        if !group.adapts {
            return Ok(());
        }
        let (uus, rates) = (group.empty(*len, DType::F64)?, group.empty(*len, DType::F32)?);
        let ratios = args![table, *len, *chunks, parts, sums, uus, rates, shrink, lr, u32::from(trust_clip)];
        let descend =
            args![table, *len, guard, rates, correction1, correction2, eps, eps_root, decay, shrink32];
        // SAFETY: as above; the others have a number for each variable, or three.
        unsafe {
            KERNELS.launch(group.device(), "trust_ratios", group.one_block(), &ratios)?;
            KERNELS.launch(group.device(), "adam_descend", group.blocks(), &descend)
        }
    }
}
