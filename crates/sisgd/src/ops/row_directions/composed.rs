//! The same of ordinary tensor operations.

use super::Row;
use crate::Gradient;
use crate::gradients::spread;
use crate::ops::wide_dtype;
use candle_core::{Result, Tensor, Var};

/// The rows that the gradient has.
pub(super) fn rows(var: &Var, gradient: Gradient) -> Result<Vec<Row>> {
    let (at, values) = match gradient {
        Gradient::Dense(values) => (var.as_detached_tensor(), values),
        Gradient::Rows { ids: &[], .. } => return Ok(Vec::new()),
        Gradient::Rows { ids, values } => (var.index_select(&Tensor::new(ids, var.device())?, 0)?, values),
    };
    let dtype = wide_dtype(var.device());
    let (at, g) = (at.to_dtype(dtype)?, values.to_dtype(dtype)?);
    let sums = |products: Tensor| cukernel::download(&products.sum(1)?);
    let (squared, along) = (sums(g.sqr()?)?, sums((at * &g)?)?);
    Ok(squared.into_iter().zip(along).map(|(gg, along)| Row::new(gg, along)).collect())
}

/// `W_i ← keep·W_i − rates_i·G_i`.
pub(super) fn descend(var: &Var, gradient: Gradient, rates: &[f64], keep: f64) -> Result<()> {
    let (Gradient::Dense(values) | Gradient::Rows { values, .. }) = gradient;
    let rates = Tensor::from_slice(rates, (rates.len(), 1), &candle_core::Device::Cpu)?;
    let values = values.broadcast_mul(&rates.to_dtype(var.dtype())?.to_device(var.device())?)?;
    let steps = match gradient {
        Gradient::Dense(_) => values,
        Gradient::Rows { ids, .. } => spread(var, Gradient::Rows { ids, values: &values })?,
    };
    let change = ((var.as_tensor() * (1. - keep))? + steps)?;
    var.set(&(var.as_tensor() - change)?)
}
