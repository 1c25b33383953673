use candle_core::{DType, Result, Tensor};

use super::{Answers, cpu};

/// `½ Σ_rows Σ_ends (log Σ_real exp x − x[span])`.
pub fn span_cross_entropy([logits]: [&Tensor; 1], Answers { keep, spans }: Answers) -> Result<Tensor> {
    let mask: Vec<f32> = keep.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
    cpu::check(&spans.flatten_all()?.to_vec1()?, &mask, keep.dim(1)?)?;
    let real = keep.ne(0.)?.unsqueeze(2)?.broadcast_as(logits.shape())?.contiguous()?;
    let nothing =
        Tensor::full(f32::NEG_INFINITY, logits.shape(), logits.device())?.to_dtype(logits.dtype())?;
    let x = real.where_cond(&logits.contiguous()?, &nothing)?; // (batch, seq, 2)
    let x = x.broadcast_sub(&x.max_keepdim(1)?.detach())?;
    let picked = x.gather(&spans.to_device(x.device())?.unsqueeze(1)?.contiguous()?, 1)?.squeeze(1)?; // (batch, 2)
    (x.exp()?.sum(1)?.log()? - picked)?.sum_all()? / 2.
}
