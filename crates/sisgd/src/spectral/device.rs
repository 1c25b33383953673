//! The step on the device's numbers.

use super::block::Factor;
use super::config::Law;
use crate::gradients::Fitting;
use crate::guard::Guarded;
use crate::ops::blocks::Blocks;
use crate::ops::dots::{Dots, products};
use crate::ops::group::{Group, Traits};
use crate::ops::nesterov;
use crate::ops::orthogonal::Moved;
use crate::ops::verdict::Judged;
use crate::state::Velocity;
use crate::{CheckedStep, RotationReport};
use candle_core::Result;

/// The parts of a step beside gradients and velocities.
pub(super) struct Step<'a> {
    /// The factor of each block, and how many variables it has.
    pub blocks: &'a [(Factor, usize)],
    pub law: Law,
    pub momentum: f64,
    pub guarded: &'a Guarded,
}

impl<'a> Step<'a> {
    /// The step, enqueued.
    pub fn check(
        self,
        gradients: Vec<Fitting<'a>>,
        velocity: &'a mut Velocity,
    ) -> Result<CheckedStep<'a, RotationReport>> {
        let Self { blocks, law, momentum, guarded } = self;
        let states: Vec<_> = velocity.vars.iter().flatten().map(|v| v.as_tensor().clone()).collect();
        let group = Group::new(&gradients, &states, |_| Traits::default())?;
        let blocks = Blocks::new(&group, blocks, &gradients)?;
        let judged = Judged { group: &group, guarded, step: velocity.steps + 1 };
        let verdict = judged.blocks(&blocks, law.relative)?;
        Ok(CheckedStep::new(move || {
            if velocity.vars.is_some() {
                let along = nesterov::accumulate(&group, &gradients, &verdict, momentum)?;
                blocks.enqueue(&along, &products(&along)?, &verdict, law)?;
            } else {
                blocks.enqueue(&group, verdict.sums(), &verdict, law)?;
            }
            velocity.steps += 1;
            Ok(verdict.report(guarded, |numbers| {
                let moved = Moved { squared: numbers[3], along: numbers[4] };
                RotationReport::new(Dots::of_sums(numbers), moved)
            }))
        }))
    }
}
