//! `sibert selftest`: a device against this processor, in one process and without files.
//!
//! The device on trial computes inside [`Subject::run`]; the values to compare with are computed outside, on the CPU in f32.

mod attention;
mod cases;
mod drift;
mod golden;
mod length;
mod ops;
mod report;
mod sample;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod training;

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device};
use sibert_files::durable;

use crate::args::SelftestArgs;
use crate::console::result;
use report::Report;

/// Runs all checks and prints them.
///
/// # Errors
/// If the device is not there, a check fails, or the report cannot be written.
pub fn run(args: &SelftestArgs) -> Result<()> {
    let subject = Subject { device: args.device.open()?, quick: args.quick, enter: |f| f() };
    let mut report = Report::new(args.device.to_string(), args.quick, true);
    check(&subject, &mut report)?;
    if let Some(path) = &args.json {
        let json = serde_json::to_string(&report)? + "\n";
        durable::replace(path, &json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let [passed, failed, skipped] = report.counts();
    if failed > 0 {
        bail!("{failed} of {} checks failed on {}", passed + failed, args.device);
    }
    let seconds = report.seconds();
    result(format!("all {passed} checks passed on {}, {skipped} skipped, {seconds:.0} s", args.device))
}

/// All checks. That of memory comes first, because a GPU's largest use of memory never shrinks.
fn check(subject: &Subject, report: &mut Report) -> Result<()> {
    length::check(subject, report)?;
    ops::check(subject, report)?;
    golden::check(subject, report)?;
    training::check(subject, report)?;
    drift::check(subject, report)
}

/// The device on trial.
pub struct Subject {
    pub device: Device,
    /// Whether small sizes are enough.
    pub quick: bool,
    /// Calls a closure so that its operations are those on trial: tests emulate a GPU there.
    enter: fn(&mut dyn FnMut()),
}

impl Subject {
    /// Computes something on the device; all that is on trial goes through here.
    pub fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        let (mut f, mut result) = (Some(f), None);
        (self.enter)(&mut || result = f.take().map(|f| f()));
        result.expect("a subject calls what it is given")
    }

    /// The type of activations in bf16: without kernels, as on the CPU, products round their operands instead.
    fn narrow_activations(&self) -> DType {
        if self.run(|| cukernel::runs_on(&self.device)) { DType::BF16 } else { DType::F32 }
    }
}
