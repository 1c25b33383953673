use candle_core::{Result, Tensor, bail};

use crate::compute::buffer::{Values, tensor};
use crate::compute::by_float;
use crate::compute::real::Real;
use crate::tape::{Backward, Sink};

pub fn span_cross_entropy([logits]: [Tensor; 1], answers: super::Answers) -> Result<(Tensor, impl Backward)> {
    let (keep, spans, seq) = (answers.keep.contiguous()?, answers.spans, logits.dim(1)?);
    let loss = by_float!("span_cross_entropy", logits.dtype(), T => {
        let [x, keep, spans] = [&logits, &keep, &spans].map(Values::of);
        let (x, keep, spans) = (x.slice::<T>()?, keep.slice::<T>()?, spans.slice()?);
        check(spans, keep, seq)?;
        tensor(vec![forward((x, keep, spans), seq)], ())
    })?;
    let backward = move |dloss: &Tensor, sink: &mut Sink| {
        let dx = by_float!("span_cross_entropy", logits.dtype(), T => {
            let [x, keep, spans] = [&logits, &keep, &spans].map(Values::of);
            let rows = (x.slice::<T>()?, keep.slice::<T>()?, spans.slice()?);
            tensor(backward(rows, dloss.to_scalar()?, seq), logits.shape())
        })?;
        sink.add(0, dx)
    };
    Ok((loss, backward))
}

/// Refuses a start or end that is not at a real token of its row.
pub fn check<T: Real>(spans: &[u32], keep: &[T], seq: usize) -> Result<()> {
    for (row, span) in spans.chunks_exact(2).enumerate() {
        let keep = &keep[row * seq..][..seq];
        for (&at, end) in span.iter().zip(["start", "end"]) {
            if keep.get(at as usize).is_none_or(|&keep| keep == T::zero()) {
                let real = keep.iter().filter(|&&keep| keep != T::zero()).count();
                bail!(
                    "span_cross_entropy: the {end} {at} of row {row} is not at one of its {real} real tokens"
                )
            }
        }
    }
    Ok(())
}

/// The largest logit of one end of a row and `Σ exp(x − max)`, over its real tokens.
#[derive(Clone, Copy)]
struct Partition {
    max: f64,
    sum: f64,
}

impl Partition {
    fn of<T: Real>(x: &[T], keep: &[T], end: usize) -> Self {
        let real = || {
            let logits = x.iter().skip(end).step_by(2).zip(keep);
            logits.filter(|(_, keep)| **keep != T::zero()).map(|(x, _)| x.wide())
        };
        let max = real().fold(f64::NEG_INFINITY, f64::max);
        Self { max, sum: real().map(|x| (x - max).exp()).sum() }
    }
}

/// Logits of rows (seq, 2), masks (seq) and spans.
type Rows<'a, T> = (&'a [T], &'a [T], &'a [u32]);

fn forward<T: Real>((logits, keep, spans): Rows<T>, seq: usize) -> T {
    let rows =
        logits.chunks_exact(2 * seq.max(1)).zip(keep.chunks_exact(seq.max(1))).zip(spans.chunks_exact(2));
    let loss = |((x, keep), span): ((&[T], &[T]), &[u32])| {
        let of = |end: usize| {
            let Partition { max, sum } = Partition::of(x, keep, end);
            sum.ln() + (max - x[2 * span[end] as usize + end].wide())
        };
        (of(0) + of(1)) / 2.
    };
    T::narrow(rows.map(loss).sum())
}

fn backward<T: Real>((logits, keep, spans): Rows<T>, dloss: T, seq: usize) -> Vec<T> {
    let mut dx = vec![T::zero(); logits.len()];
    let half = dloss.wide() / 2.;
    for (row, dx) in dx.chunks_exact_mut(2 * seq.max(1)).enumerate() {
        let (x, keep) = (&logits[2 * row * seq..][..2 * seq], &keep[row * seq..][..seq]);
        for end in [0, 1] {
            let Partition { max, sum } = Partition::of(x, keep, end);
            for at in (0..seq).filter(|&at| keep[at] != T::zero()) {
                dx[2 * at + end] = T::narrow((x[2 * at + end].wide() - max).exp() * half / sum);
            }
            dx[2 * spans[2 * row + end] as usize + end] -= T::narrow(half);
        }
    }
    dx
}
