//! Multi-head attention without its scores in memory.
//!
//! Scores exist for one block of queries at a time, in the cache of the core that makes them, and are made again in the
//! backward pass: memory grows linearly with the length of the sequence. Heads are blocks of columns of the inputs and
//! of the result, read and written in place.

mod columns;
mod composed;
mod cpu;
pub(super) mod cuda;
mod row;
mod scratch;
#[cfg(test)]
mod tests;
mod transpose;

use candle_core::{CpuStorage, CustomOp3, DType, Layout, Result, Shape, Tensor, bail};

use super::buffer::{Values, tensor};
use super::{Path, by_dtype, by_float, path, slice};
use crate::precision::Precision;
use crate::tape::{Sink, apply_kernels, apply3};

/// How scores become the weights of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Weights {
    /// `relu(s) / Σ relu(s)`: SIBERT, of degree zero in the scores (Li et al. 2022, section 3).
    Relu,
    /// `exp(c s) / Σ exp(c s)`: BERT, and SIBERT with scores of degree zero.
    Softmax {
        /// The factor c of the scores, a positive number.
        scale: f64,
    },
}

impl Weights {
    /// Softmax with BERT's factor, `1 / √dim`.
    pub fn softmax(dim: usize) -> Self {
        Self::Softmax { scale: (dim as f64).powf(-0.5) }
    }

    /// The factor of the scores, which the weights of ReLU do not depend on.
    fn scale(self) -> f64 {
        match self {
            Self::Relu => 1.,
            Self::Softmax { scale } => scale,
        }
    }
}

/// Inverted dropout of the weights; see [`super::dropout`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Dropout {
    /// Probability of zero, in \[0, 1).
    pub p: f32,
    /// Key of the mask.
    pub key: u64,
    /// Index of the first weight, of shape (batch, heads, seq, seq), in the stream of the key.
    pub offset: usize,
}

/// `P V` of every head, where the rows of P are the `weights` of the scores `Q Kᵀ` over the keys that `keep` has.
///
/// Query, key, value and the result are (batch, seq, heads · dim); keep is (batch, seq), 0 for padding and 1 else, of any
/// dtype. A row gives zeros if all its keys are padding or, with [`Weights::Relu`], if it has no positive score; there
/// the result has degree zero in query and key, and degree one in value.
///
/// With R the row sums, M the dropout mask divided by `1 − p` and `D = Σ_columns dO ∘ O` the backward pass is
/// ```text
/// dV = (P ∘ M)ᵀ dO    dP = M ∘ dO Vᵀ    dS = [S > 0] ∘ (dP − D) / R   or   c P ∘ (dP − D)
/// dQ = dS K           dK = dSᵀ Q
/// ```
///
/// # Errors
/// If the shapes do not fit, the probability is not in \[0, 1), softmax's factor is not a positive number, or the dtype is
/// not [supported](crate::ops).
pub fn attention(
    query: &Tensor,
    key: &Tensor,
    value: &Tensor,
    keep: &Tensor,
    heads: usize,
    weights: Weights,
    dropout: Option<Dropout>,
) -> Result<Tensor> {
    let (batch, seq, hidden) = query.dims3()?;
    if key.dims() != query.dims() || value.dims() != query.dims() {
        bail!(
            "attention: key of shape {:?} and value of shape {:?} do not fit query of shape {:?}",
            key.dims(),
            value.dims(),
            query.dims()
        )
    }
    if keep.dims() != [batch, seq] {
        bail!("attention: keep of shape {:?} does not fit query of shape {:?}", keep.dims(), query.dims())
    }
    if heads == 0 || hidden == 0 || hidden % heads != 0 {
        bail!("attention: {hidden} columns are not a multiple of {heads} heads")
    }
    if let Some(Dropout { p, .. }) = dropout
        && !(0. ..1.).contains(&p)
    {
        bail!("attention: dropout probability {p} is not in [0, 1)")
    }
    if let Weights::Softmax { scale } = weights
        && !(scale.is_finite() && scale > 0.)
    {
        bail!("attention: the factor {scale} of the scores is not a positive number")
    }
    let path = path(query);
    if let Path::Composed = path {
        return composed::attention([query, key, value], keep, heads, weights, dropout);
    }
    let problem = cpu::Problem {
        batch,
        seq,
        heads,
        dim: hidden / heads,
        weights,
        dropout,
        precision: Precision::current(),
    };
    let (query, key, value) = (query.contiguous()?, key.contiguous()?, value.contiguous()?);
    if let Path::Kernels = path {
        return by_kernels(problem, [query, key, value], keep);
    }
    let keep = keep.detach().to_dtype(query.dtype())?.contiguous()?;
    apply3(&query, &key, &value, Attention { problem, keep })
}

/// By kernels of CUDA C, which keep two numbers a row for the backward pass.
fn by_kernels(problem: cpu::Problem, [query, key, value]: [Tensor; 3], keep: &Tensor) -> Result<Tensor> {
    let keep = keep.detach().to_dtype(DType::F32)?.contiguous()?;
    apply_kernels("attention", &[&query, &key, &value], || {
        let (o, statistics) = cuda::forward(&problem, [&query, &key, &value], &keep)?;
        let (q, k, v, kept) = (query.clone(), key.clone(), value.clone(), o.clone());
        let backward = move |d: &Tensor, sink: &mut Sink| {
            let gradients = cuda::backward(&problem, [&q, &k, &v], &keep, &kept, &statistics, d)?;
            gradients.into_iter().enumerate().try_for_each(|(i, gradient)| sink.add_own(i, gradient))
        };
        Ok((o, backward))
    })
}

struct Attention {
    problem: cpu::Problem,
    keep: Tensor,
}

impl CustomOp3 for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        lq: &Layout,
        k: &CpuStorage,
        lk: &Layout,
        v: &CpuStorage,
        lv: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let keep = Values::of(&self.keep);
        let o = by_dtype!(self.name(), q, T => {
            cpu::forward::<T>(&self.problem, [slice(q, lq)?, slice(k, lk)?, slice(v, lv)?], keep.slice()?)
        });
        Ok((o, lq.shape().clone()))
    }

    fn bwd(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        o: &Tensor,
        d: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let d = d.contiguous()?;
        let [qs, ks, vs, os, ds, keep] = [q, k, v, o, &d, &self.keep].map(Values::of);
        by_float!(self.name(), q.dtype(), T => {
            let qkv = [qs.slice::<T>()?, ks.slice()?, vs.slice()?];
            let [dq, dk, dv] =
                cpu::backward(&self.problem, qkv, keep.slice()?, os.slice()?, ds.slice()?);
            let tensor = |gradient| tensor(gradient, q.shape()).map(Some);
            Ok((tensor(dq)?, tensor(dk)?, tensor(dv)?))
        })
    }
}
