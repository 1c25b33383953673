//! The step of LAMB and AdamW on the device's numbers.

use crate::clip::Threshold;
use crate::guard::Guarded;
use crate::ops::adam::AdamStep;
use crate::ops::dots::Dots;
use crate::ops::group::Group;
use crate::ops::verdict::Judged;
use crate::{CheckedStep, UpdateReport};
use candle_core::Result;

/// The step that `rule` makes of its number, counted from 1.
pub(crate) fn check_on_device<'a>(
    group: Group,
    guarded: &'a Guarded,
    steps: &'a mut u64,
    max_grad_norm: Option<f64>,
    rule: impl FnOnce(u64) -> AdamStep,
) -> Result<CheckedStep<'a, UpdateReport>> {
    let step = *steps + 1;
    let verdict = Judged { group: &group, guarded, step }.squares(Threshold::constant(max_grad_norm))?;
    let rule = rule(step);
    Ok(CheckedStep::new(move || {
        rule.enqueue(&group, &verdict)?;
        *steps = step;
        Ok(verdict.report(guarded, move |sums| UpdateReport::of(Dots::of_sums(sums), max_grad_norm)))
    }))
}
