//! The device's verdict on a step: its clip factor, and whether it is refused. There is no such thing on the CPU, where
//! the host decides.

use super::blocks::Blocks;
use super::dots::Dots;
use super::group::{Group, KERNELS};
use crate::Deferred;
use crate::clip::Threshold;
use crate::guard::{Guarded, RECORD};
use candle_core::{DType, Result, Tensor};
use cukernel::{Arg, args};

/// The numbers of a step on the device.
pub(crate) struct Verdict {
    /// The guard's record.
    pub(super) guard: Tensor,
    /// The record when the update was due, the clip factor, the sums over the group, and what else the step tells.
    pub(super) report: Tensor,
    /// The sums of each variable.
    pub(super) sums: Tensor,
}

/// Which step of which group is judged.
#[derive(Clone, Copy)]
pub(crate) struct Judged<'a> {
    pub group: &'a Group,
    pub guarded: &'a Guarded,
    /// The number of the step, counted from 1.
    pub step: u64,
}

impl Judged<'_> {
    /// `x ← keep·x − lr·clip·g`.
    pub fn descent(&self, lr: f64, keep: f64, threshold: Threshold, not_zero: bool) -> Result<Verdict> {
        let (slope, offset) = threshold.line();
        self.judge::<3>("dots", "judge_descent", 0, &args![lr, keep, slope, offset, u32::from(not_zero)])
    }

    /// `w ← momentum·w + clip·g`, `x ← keep·x − lr·w`.
    pub fn heavy_ball(&self, lr: f64, keep: f64, momentum: f64, threshold: Threshold) -> Result<Verdict> {
        let (_, threshold) = threshold.line();
        self.judge::<6>("velocity_dots", "judge_heavy_ball", 0, &args![lr, keep, momentum, threshold])
    }

    /// Squares of gradients in a second moment.
    pub fn squares(&self, threshold: Threshold) -> Result<Verdict> {
        let (_, threshold) = threshold.line();
        self.judge::<3>("dots", "judge_squares", 0, &args![threshold])
    }

    /// Blocks, none of which may be zero where steps are relative to their norms. What they did follows in the report.
    pub fn blocks(&self, blocks: &Blocks, relative: bool) -> Result<Verdict> {
        let table = &blocks.table;
        self.judge::<3>("dots", "judge_blocks", 2, &args![table, blocks.len(), u32::from(relative)])
    }

    /// `S` sums over every variable, and what one block makes of them; the report has room for `more` numbers.
    fn judge<const S: usize>(
        &self,
        products: &str,
        judge: &str,
        more: usize,
        numbers: &[Arg],
    ) -> Result<Verdict> {
        let Self { group, guarded, step } = *self;
        let Group { table, len, chunks, .. } = group;
        let parts = group.empty(chunks * S, DType::F64)?;
        let sums = group.empty(len * S, DType::F64)?;
        let report = group.empty(RECORD + 1 + S + more, DType::F64)?;
        let guard = guarded.record(group.device())?;
        let which =
            args![table, *len, *chunks, parts, sums, report, guard, step as f64, guarded.group as f64];
        // SAFETY: the table's tensors have the lengths that it tells, the others the sizes of the kernels' comments.
        unsafe {
            KERNELS.launch(group.device(), products, group.blocks(), &args![table, *len, parts])?;
            KERNELS.launch(group.device(), judge, group.one_block(), &[&which, numbers].concat())?;
        }
        Ok(Verdict { guard, report, sums })
    }
}

impl Verdict {
    /// `‖x‖²`, `⟨x, g⟩` and `‖g‖²` of each variable.
    pub fn sums(&self) -> &Tensor {
        &self.sums
    }

    /// The report that follows from the sums over the group and what is behind them, once the update is enqueued.
    pub fn report<R: 'static>(
        self,
        guarded: &Guarded,
        of: impl FnOnce(&[f64]) -> R + 'static,
    ) -> Deferred<R> {
        let guarded = guarded.clone();
        Deferred::new(self.report, move |numbers| {
            let (record, numbers) = numbers.split_at(RECORD);
            guarded.check(record)?;
            Ok(of(&numbers[1..]))
        })
    }
}

impl Dots {
    /// From the first sums of a report.
    pub fn of_sums(sums: &[f64]) -> Self {
        Self { xx: sums[0], xg: sums[1], gg: sums[2] }
    }
}
