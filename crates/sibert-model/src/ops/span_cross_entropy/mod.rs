//! The cross-entropy of the starts and ends of spans, over the real tokens of their rows.

mod composed;
mod cpu;
pub(super) mod cuda;
#[cfg(test)]
mod tests;

use candle_core::{DType, Result, Tensor, bail};

use super::op;
use super::op::runs_kernels;

/// `L = ½ Σ_rows Σ_c (log Σ_t exp x_tc − x_{span_c, c})`, from logits (batch, seq, 2) to a scalar.
///
/// `c` is 0 for the start and 1 for the end; `t` runs over the tokens whose `keep` (batch, seq) is not zero. `spans`, u32
/// (batch, 2), holds the token of either. The losses are added in f64, in order.
///
/// The backward pass is `dx = ½ dL · (softmax over the real tokens − onehot(span))`, zero at padding.
///
/// # Errors
/// If a start or end is not at a real token of its row, the shapes do not fit, `spans` is not u32, the dtypes of logits
/// and `keep` differ, or they are not [supported](crate::ops).
pub fn span_cross_entropy(logits: &Tensor, keep: &Tensor, spans: &Tensor) -> Result<Tensor> {
    check(logits, keep, spans)?;
    let answers = Answers { keep: keep.detach(), spans: spans.contiguous()? };
    let (cpu, cuda) = (cpu::span_cross_entropy, cuda::span_cross_entropy);
    op("span_cross_entropy", [logits], answers, cpu, cuda, composed::span_cross_entropy)
}

/// Refuses what is not of the shapes and types expected.
fn check(logits: &Tensor, keep: &Tensor, spans: &Tensor) -> Result<()> {
    let (batch, seq, ends) = logits.dims3()?;
    let dtype_fits = runs_kernels(logits) || keep.dtype() == logits.dtype();
    let fits = ends == 2 && keep.dims() == [batch, seq] && dtype_fits;
    if !fits || spans.dims() != [batch, 2] || spans.dtype() != DType::U32 {
        let of = |tensor: &Tensor| format!("{} {:?}", tensor.dtype().as_str(), tensor.dims());
        bail!(
            "span_cross_entropy: logits {}, mask {} and spans {} do not fit, expected (batch, seq, 2), (batch, seq) of \
             the same dtype and u32 (batch, 2)",
            of(logits),
            of(keep),
            of(spans)
        )
    }
    Ok(())
}

/// Which tokens are real, (batch, seq), and where the spans start and end, u32 (batch, 2).
pub(super) struct Answers {
    keep: Tensor,
    spans: Tensor,
}
