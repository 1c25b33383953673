//! Launches of `span_cross_entropy.cu`; spans are on the host, the mask is not.

use candle_core::{DType, Result, Tensor, bail};
use cukernel::{Grid, Module, args, empty, suffix, upload};

use super::Answers;
use crate::compute::sum::cuda::total;
use crate::tape::{Backward, Sink};

/// The kernels.
pub const MODULE: Module = Module::new("span_cross_entropy", include_str!("span_cross_entropy.cu"));

/// An f32 scalar, infinite where a span is at padding.
pub fn span_cross_entropy([logits]: [Tensor; 1], answers: Answers) -> Result<(Tensor, impl Backward)> {
    let (device, (batch, seq, _)) = (logits.device(), logits.dims3()?);
    let (keep, grid) = (answers.keep.to_dtype(DType::F32)?.contiguous()?, Grid::new(batch, 64));
    let spans = upload(&checked(&answers.spans, seq)?, 2 * batch, device)?;
    let losses = empty(2 * batch, DType::F32, device)?;
    let partitions = empty((2 * batch, 2), DType::F32, device)?;
    let kernel = format!("span_cross_entropy_{}", suffix(logits.dtype())?);
    // SAFETY: logits are (batch, seq, 2), keep (batch, seq), spans below seq, the results for two ends of each row.
    unsafe { MODULE.launch(device, &kernel, grid, &args![logits, keep, spans, losses, partitions, seq])? };
    let loss = total(&losses)?;
    let backward = move |dloss: &Tensor, sink: &mut Sink| {
        let dx = empty(logits.shape(), logits.dtype(), logits.device())?;
        let kernel = format!("span_backward_{}", suffix(logits.dtype())?);
        let args = args![logits, keep, spans, partitions, dloss, dx, seq];
        // SAFETY: as above, and the gradient of the loss is one f32.
        unsafe { MODULE.launch(logits.device(), &kernel, grid, &args)? };
        sink.add(0, dx)
    };
    Ok((loss, backward))
}

/// The spans, none of which leaves the sequence: the kernels do not look at the mask of the keys.
fn checked(spans: &Tensor, seq: usize) -> Result<Vec<u32>> {
    let spans: Vec<u32> = spans.flatten_all()?.to_vec1()?;
    match spans.iter().position(|&span| span as usize >= seq) {
        Some(at) => {
            bail!("span_cross_entropy: token {} of row {} is not below the length {seq}", spans[at], at / 2)
        }
        None => Ok(spans),
    }
}
