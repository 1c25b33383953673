//! Launches of `sum.cu`.

use candle_core::{D, DType, Result, Tensor, bail};
use cukernel::{Grid, Module, args, empty, suffix};

/// The kernels.
pub const MODULE: Module = Module::new("sum", include_str!("sum.cu"));

/// Rows that one block of a sum of columns adds up, at least.
const TALL: usize = 64;
/// Parts of a sum of columns, at most: the second stage adds them one after the other.
const PARTS: usize = 256;
/// Threads of a block of a sum of columns, four columns each.
const THREADS: usize = 64;

/// `x + y`, of one shape and type.
pub fn sum(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let (x, y) = (x.contiguous()?, y.contiguous()?);
    if x.dims() != y.dims() || x.dtype() != y.dtype() {
        bail!("sum: {:?} and {:?} differ in shape or type", x, y)
    }
    let (z, n) = (empty(x.shape(), x.dtype(), x.device())?, x.elem_count());
    let kernel = format!("sum_{}", suffix(x.dtype())?);
    // SAFETY: all three have n elements of the kernel's type.
    unsafe { MODULE.launch(x.device(), &kernel, Grid::elements(n.div_ceil(4)), &args![x, y, z, n as u64])? };
    Ok(z)
}

/// The same numbers as `dtype`, f32 or bf16.
pub fn cast(x: &Tensor, dtype: DType) -> Result<Tensor> {
    let kernel = match (x.dtype(), dtype) {
        (from, to) if from == to => return Ok(x.clone()),
        (DType::F32, DType::BF16) => "narrow_f32",
        (DType::BF16, DType::F32) => "widen_bf16",
        (from, to) => bail!("no kernel makes {} of {}", to.as_str(), from.as_str()),
    };
    let x = x.contiguous()?;
    let (y, n) = (empty(x.shape(), dtype, x.device())?, x.elem_count());
    // SAFETY: both have n elements of the kernel's types.
    unsafe { MODULE.launch(x.device(), kernel, Grid::elements(n.div_ceil(4)), &args![x, y, n as u64])? };
    Ok(y)
}

/// How sums over rows are divided: rows of a part, and parts.
pub fn row_parts(rows: usize) -> (usize, usize) {
    let tall = rows.div_ceil(PARTS).max(TALL);
    (tall, rows.div_ceil(tall))
}

fn column_grid(width: usize, parts: usize) -> Grid {
    Grid::with_blocks([width.div_ceil(4 * THREADS), parts, 1], THREADS as u32)
}

/// `Σ_rows x`, of (…, width) to f32 (width).
pub fn column_sums(x: &Tensor) -> Result<Tensor> {
    let x = x.contiguous()?;
    let width = x.dim(D::Minus1)?;
    let rows = x.elem_count() / width.max(1);
    let (tall, count) = row_parts(rows);
    let parts = empty((count, width), DType::F32, x.device())?;
    let kernel = format!("column_sums_{}", suffix(x.dtype())?);
    // SAFETY: x has (rows, width) elements, and the parts one row for each of `count` blocks.
    unsafe {
        MODULE.launch(x.device(), &kernel, column_grid(width, count), &args![x, parts, rows, width, tall])?;
    }
    sum_parts(&parts)
}

/// `dy ∘ [y > 0]`, and its sums of columns in f32.
pub fn relu_sums(dy: &Tensor, y: &Tensor) -> Result<(Tensor, Tensor)> {
    let width = y.dim(D::Minus1)?;
    let rows = y.elem_count() / width.max(1);
    let (tall, count) = row_parts(rows);
    let parts = empty((count, width), DType::F32, y.device())?;
    let out = empty(y.shape(), y.dtype(), y.device())?;
    let kernel = format!("relu_sums_{}", suffix(y.dtype())?);
    let args = args![dy, y, out, parts, rows, width, tall];
    // SAFETY: dy, y and out have (rows, width) elements, and the parts one row for each of `count` blocks.
    unsafe { MODULE.launch(y.device(), &kernel, column_grid(width, count), &args)? };
    Ok((out, sum_parts(&parts)?))
}

/// `Σ_parts`, of (parts, width) to (width), in order.
pub fn sum_parts(parts: &Tensor) -> Result<Tensor> {
    let (count, width) = parts.dims2()?;
    let sums = empty(width, DType::F32, parts.device())?;
    // SAFETY: the parts are (count, width), the sums (width).
    unsafe {
        MODULE.launch(
            parts.device(),
            "sum_parts",
            Grid::elements(width),
            &args![parts, sums, count, width],
        )?
    };
    Ok(sums)
}

/// The sum of all elements, added in f64: an f32 scalar.
pub fn total(x: &Tensor) -> Result<Tensor> {
    let sum = empty((), DType::F32, x.device())?;
    // SAFETY: x has so many elements.
    unsafe { MODULE.launch(x.device(), "total", Grid::new(1, 256), &args![x, sum, x.elem_count() as u64])? };
    Ok(sum)
}
