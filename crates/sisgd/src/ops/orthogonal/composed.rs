//! The same of ordinary tensor operations.

use super::polynomial::{ALPHA, BETA, GAMMA, TIMES};
use super::{Bands, Move, Moved, WithBias};
use crate::ops::{scalar, wide_dtype};
use candle_core::{Result, Tensor, Var};

/// [`descend`](super::descend) on devices without loops or kernels.
pub(super) fn descend(
    bands: Bands,
    var: WithBias<&Var>,
    grad: WithBias<&Tensor>,
    grad_norm: f64,
    how: impl FnOnce(f64) -> Move,
) -> Result<Moved> {
    let wide = wide_dtype(var.matrix.device());
    let dot = |a: &Tensor, b: &Tensor| scalar(&(a.to_dtype(wide)? * b.to_dtype(wide)?)?.sum_all()?);
    let u = banded(bands, &joined(grad)?, grad_norm)?;
    let Move { keep, rate } = how(dot(&u, &u)?);
    let WithBias { matrix, bias } = var;
    let old = joined(WithBias { matrix: matrix.as_tensor(), bias: bias.map(|bias| bias.as_tensor()) })?;
    let change = ((&old * (1. - keep))? + (u * rate)?)?;
    let new = (&old - change)?;
    let moved = Moved { squared: dot(&new, &new)?, along: dot(&old, &new)? };
    let columns = matrix.dim(1)?;
    matrix.set(&new.narrow(1, 0, columns)?.contiguous()?)?;
    if let Some(bias) = bias {
        bias.set(&new.narrow(1, columns, 1)?.squeeze(1)?.contiguous()?)?;
    }
    Ok(moved)
}

/// A matrix with its bias as one more column.
fn joined(WithBias { matrix, bias }: WithBias<&Tensor>) -> Result<Tensor> {
    match bias {
        Some(bias) => Tensor::cat(&[matrix, &bias.unsqueeze(1)?], 1),
        None => Ok(matrix.clone()),
    }
}

/// `U` of every band of a gradient, side by side.
fn banded(bands: Bands, grad: &Tensor, grad_norm: f64) -> Result<Tensor> {
    let (axis, count) = match bands {
        Bands::Whole => return factor(&(grad / grad_norm)?),
        Bands::Rows(count) => (0, count),
        Bands::Columns(count) => (1, count),
    };
    let wide = wide_dtype(grad.device());
    let of_band = |band: &Tensor| {
        let norm = scalar(&band.to_dtype(wide)?.sqr()?.sum_all()?)?.sqrt();
        if norm > 0. { factor(&(band.contiguous()? / norm)?) } else { band.zeros_like() }
    };
    let factors = grad.chunk(count, axis)?.iter().map(of_band).collect::<Result<Vec<_>>>()?;
    Tensor::cat(&factors, axis)
}

/// `U` of an X of norm 1.
fn factor(x: &Tensor) -> Result<Tensor> {
    let (rows, columns) = x.dims2()?;
    let t = x.t()?.contiguous()?;
    let tall = rows >= columns;
    let mut gram = if tall { t.matmul(x)? } else { x.matmul(&t)? };
    let unit = (Tensor::eye(gram.dim(0)?, x.dtype(), x.device())? * ALPHA)?;
    let mut u = x.clone();
    for time in 0..TIMES {
        let b = ((&unit + (&gram * BETA)?)? + (gram.matmul(&gram)? * GAMMA)?)?;
        u = if tall { u.matmul(&b)? } else { b.matmul(&u)? };
        if time + 1 < TIMES {
            gram = b.matmul(&gram)?.matmul(&b)?;
        }
    }
    Ok(u)
}
