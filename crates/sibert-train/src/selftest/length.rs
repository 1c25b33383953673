//! The memory of attention over long sequences.

use anyhow::{Context, Result};
use candle_core::{DType, Tensor};
use sibert_model::ops::{Dropout, Weights, attention};
use sibert_model::{Gradients, Precision, Tape};

use super::Subject;
use super::report::Report;

const LENGTH: usize = 8192;
const HEADS: usize = 12;
const HIDDEN: usize = 768;

/// Twice the length takes about twice the memory, far less than the scores would.
///
/// # Errors
/// If standard output is closed.
pub fn check(subject: &Subject, report: &mut Report) -> Result<()> {
    const GROWTH: &str = "attention, memory of twice the length";
    const SCORES: &str = "attention, memory as a part of the scores";
    if !subject.device.is_cuda() || subject.quick {
        report.skip(
            &format!("attention at {LENGTH} tokens"),
            "its memory is measured on a GPU, without --quick",
        );
        return report.print();
    }
    for (name, weights) in [("relu", Weights::Relu), ("softmax", Weights::softmax(HIDDEN / HEADS))] {
        let claims = [(GROWTH, 2.2), (SCORES, 0.25)];
        report.check(claims, &format!("{name}, {} and {LENGTH} tokens", LENGTH / 2), || {
            subject.run(|| {
                let (half, whole) = (grown(subject, LENGTH / 2, weights)?, grown(subject, LENGTH, weights)?);
                let scores = (HEADS * LENGTH * LENGTH * DType::BF16.size_in_bytes()) as f64;
                Ok([whole / half, whole / scores])
            })
        });
    }
    report.print()
}

/// By how many bytes a forward and a backward pass raise the memory in use at its peak, inputs included.
///
/// The peak is that since the device was opened: a shorter sequence must come before a longer one. Where the peak of
/// another measurement is not reached, the bytes are those of that one, of the same sizes.
fn grown(subject: &Subject, seq: usize, weights: Weights) -> Result<f64> {
    let device = &subject.device;
    let memory = || cukernel::memory(device)?.context("the driver does not tell how much memory is in use");
    let before = memory()?.used;
    let input = || Tensor::ones((1, seq, HIDDEN), DType::BF16, device);
    let inputs = [input()?, input()?, input()?].map(|x| candle_core::Var::from_tensor(&x));
    let [query, key, value] = inputs;
    let (query, key, value) = (query?, key?, value?);
    let keep = Tensor::ones((1, seq), DType::F32, device)?;
    let dropout = Some(Dropout { p: 0.1, key: 1, offset: 0 });
    let forward = || attention(&query, &key, &value, &keep, HEADS, weights, dropout);
    let (output, tape) = Precision::Bf16.scope(|| Tape::record(forward))?;
    let seed = output.ones_like()?;
    let mut gradients = Gradients::of([&query, &key, &value]);
    tape.backward_from(vec![(output, seed)], &mut gradients)?;
    device.synchronize()?;
    Ok((memory()?.peak - before) as f64)
}
