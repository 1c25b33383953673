//! Launches of `layer_norm.cu`.

use candle_core::{D, DType, Result, Tensor};
use cukernel::{Grid, Module, args, empty, suffix};

use crate::compute::sum::cuda::{row_parts, sum_parts};
use crate::ops::normalize::cuda::grid;
use crate::tape::{Backward, Sink};

/// The kernels; the moments of rows are those of `normalize.cu`.
pub const MODULE: Module = Module::new(
    "layer_norm",
    concat!(include_str!("../normalize/normalize.cu"), include_str!("layer_norm.cu")),
);

pub fn layer_norm([x, weight, bias]: [Tensor; 3], eps: Option<f64>) -> Result<(Tensor, impl Backward)> {
    let eps = eps.unwrap_or(0.) as f32;
    let y = forward(&x, &weight, &bias, eps)?;
    let backward = move |dy: &Tensor, sink: &mut Sink| {
        let (dx, moments) = input_gradient(&x, &weight, dy, eps)?;
        if sink.wants(1) || sink.wants(2) {
            let [dw, db] = affine_gradients(&x, dy, &moments)?;
            sink.add(1, dw)?;
            sink.add(2, db)?;
        }
        sink.add(0, dx)
    };
    Ok((y, backward))
}

fn forward(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f32) -> Result<Tensor> {
    let width = x.dim(D::Minus1)?;
    let rows = x.elem_count() / width.max(1);
    let y = empty(x.shape(), x.dtype(), x.device())?;
    let kernel = format!("layer_norm_{}", suffix(x.dtype())?);
    // SAFETY: x and y have (rows, width) elements, weight and bias (width).
    unsafe { MODULE.launch(x.device(), &kernel, grid(rows), &args![x, weight, bias, y, rows, width, eps])? };
    Ok(y)
}

/// `dx`, and what normalises each row (rows, 4).
fn input_gradient(x: &Tensor, weight: &Tensor, dy: &Tensor, eps: f32) -> Result<(Tensor, Tensor)> {
    let width = x.dim(D::Minus1)?;
    let rows = x.elem_count() / width.max(1);
    let dx = empty(x.shape(), x.dtype(), x.device())?;
    let moments = empty((rows, 4), DType::F32, x.device())?;
    let kernel = format!("layer_norm_backward_{}", suffix(x.dtype())?);
    let args = args![x, weight, dy, dx, moments, rows, width, eps];
    // SAFETY: x, dy and dx have (rows, width) elements, the weight (width).
    unsafe { MODULE.launch(x.device(), &kernel, grid(rows), &args)? };
    Ok((dx, moments))
}

/// `Σ_rows dy ∘ x̂` and `Σ_rows dy`, f32 (width).
fn affine_gradients(x: &Tensor, dy: &Tensor, moments: &Tensor) -> Result<[Tensor; 2]> {
    const THREADS: usize = 128;
    let width = x.dim(D::Minus1)?;
    let rows = x.elem_count() / width.max(1);
    let (tall, count) = row_parts(rows);
    let parts = || empty((count, width), DType::F32, x.device());
    let (weights, biases) = (parts()?, parts()?);
    let kernel = format!("layer_norm_sums_{}", suffix(x.dtype())?);
    let grid = Grid::with_blocks([width.div_ceil(THREADS), count, 1], THREADS as u32);
    let args = args![x, dy, moments, weights, biases, rows, width, tall];
    // SAFETY: x and dy have (rows, width) elements, the moments (rows, 4), and the parts a row for each of `count` blocks.
    unsafe { MODULE.launch(x.device(), &kernel, grid, &args)? };
    Ok([sum_parts(&weights)?, sum_parts(&biases)?])
}
