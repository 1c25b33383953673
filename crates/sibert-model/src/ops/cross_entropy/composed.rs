use candle_core::{D, Result, Tensor};

/// `Σ_rows (log Σ exp x − x[label])`.
pub fn cross_entropy([logits]: [&Tensor; 1], labels: Tensor) -> Result<Tensor> {
    if labels.elem_count() == 0 {
        return logits.sum_all();
    }
    let x = logits.broadcast_sub(&logits.max_keepdim(D::Minus1)?.detach())?;
    let picked = x.gather(&labels.to_device(x.device())?.unsqueeze(1)?.contiguous()?, 1)?.squeeze(1)?;
    (x.exp()?.sum(D::Minus1)?.log()? - picked)?.sum_all()
}
