//! Launches of `span_cross_entropy.cu`; spans are on the host, the mask is not.

use candle_core::{DType, Result, Tensor, bail};
use cukernel::{Grid, Module, args, empty, suffix, upload};

use crate::ops::sum::cuda::total;
use crate::tape::{Sink, apply_kernels};

/// The kernels.
pub const MODULE: Module = Module::new("span_cross_entropy", include_str!("span_cross_entropy.cu"));

/// As [`super::span_cross_entropy`]: an f32 scalar, infinite where a span is at padding.
pub fn span_cross_entropy(logits: &Tensor, keep: &Tensor, spans: &Tensor) -> Result<Tensor> {
    let (logits, keep) = (logits.contiguous()?, keep.detach().to_dtype(DType::F32)?.contiguous()?);
    let (batch, seq, _) = logits.dims3()?;
    let spans: Vec<u32> = spans.flatten_all()?.to_vec1()?;
    if let Some(at) = spans.iter().position(|&span| span as usize >= seq) {
        bail!("span_cross_entropy: token {} of row {} is not below the length {seq}", spans[at], at / 2)
    }
    apply_kernels("span_cross_entropy", &[&logits], || {
        let (device, grid) = (logits.device(), Grid::new(batch, 64));
        let spans = upload(&spans, 2 * batch, device)?;
        let losses = empty(2 * batch, DType::F32, device)?;
        let partitions = empty((2 * batch, 2), DType::F32, device)?;
        let kernel = format!("span_cross_entropy_{}", suffix(logits.dtype())?);
        // SAFETY: logits are (batch, seq, 2), keep (batch, seq), spans below seq, the results for two ends of each row.
        unsafe {
            MODULE.launch(device, &kernel, grid, &args![logits, keep, spans, losses, partitions, seq])?
        };
        let logits = logits.clone();
        let backward = move |dloss: &Tensor, sink: &mut Sink| {
            let dx = empty(logits.shape(), logits.dtype(), logits.device())?;
            let kernel = format!("span_backward_{}", suffix(logits.dtype())?);
            let args = args![logits, keep, spans, partitions, dloss, dx, seq];
            // SAFETY: as above, and the gradient of the loss is one f32.
            unsafe { MODULE.launch(logits.device(), &kernel, grid, &args)? };
            sink.add(0, dx)
        };
        Ok((total(&losses)?, backward))
    })
}
