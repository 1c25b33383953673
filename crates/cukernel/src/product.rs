//! Matrix products by cuBLAS.

use candle_core::{DType, Result, Tensor, bail};

use crate::{executor, gpu};

/// A matrix of a product: a contiguous tensor, its rows counted through all leading dimensions, or its transpose.
#[derive(Clone, Copy)]
pub struct Operand<'a> {
    tensor: &'a Tensor,
    transposed: bool,
}

impl<'a> Operand<'a> {
    /// The matrix as it is stored.
    pub fn of(tensor: &'a Tensor) -> Self {
        Self { tensor, transposed: false }
    }

    /// Its transpose, read in place.
    pub fn transpose_of(tensor: &'a Tensor) -> Self {
        Self { tensor, transposed: true }
    }

    /// Rows and columns.
    fn dims(&self) -> Result<(usize, usize)> {
        let (rows, columns) = stored(self.tensor)?;
        Ok(if self.transposed { (columns, rows) } else { (rows, columns) })
    }
}

/// Rows and columns in memory.
fn stored(tensor: &Tensor) -> Result<(usize, usize)> {
    let Some(&columns) = tensor.dims().last() else { bail!("matmul: a scalar is no matrix") };
    Ok((tensor.elem_count() / columns.max(1), columns))
}

/// The request to cuBLAS, which stores matrices by columns, so `C = A B` by rows is `Cᵀ = Bᵀ Aᵀ` by columns.
///
/// The first of its operands is our second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns {
    /// Whether the first operand is transposed.
    pub transpose_a: bool,
    /// Whether the second is.
    pub transpose_b: bool,
    /// Rows of the result.
    pub m: usize,
    /// Columns of the result.
    pub n: usize,
    /// Terms of each sum.
    pub k: usize,
    /// Distance of two columns of the first operand.
    pub lda: usize,
    /// Of the second.
    pub ldb: usize,
    /// Of the result.
    pub ldc: usize,
}

/// `c = a b`, or `c += a b`: a (m, k) and b (k, n) of one type, f32 or bf16, c (m, n) of that type or f32.
///
/// Products are added up in f32; no operand is rounded.
///
/// # Errors
/// If the shapes or types do not fit, or the device fails.
pub fn matmul(a: Operand, b: Operand, c: &Tensor, accumulate: bool) -> Result<()> {
    let ((m, k), (inner, n)) = (a.dims()?, b.dims()?);
    if k != inner || stored(c)? != (m, n) {
        bail!("matmul: ({m}, {k}) times ({inner}, {n}) does not fit a result of shape {:?}", c.dims())
    }
    let types = [a.tensor, b.tensor, c].map(Tensor::dtype);
    match types {
        [DType::F32, DType::F32, DType::F32] | [DType::BF16, DType::BF16, DType::F32 | DType::BF16] => (),
        _ => bail!(
            "matmul: no product of {} and {} to {}",
            types[0].as_str(),
            types[1].as_str(),
            types[2].as_str()
        ),
    }
    if m == 0 || n == 0 {
        return Ok(());
    }
    let problem = Columns {
        transpose_a: b.transposed,
        transpose_b: a.transposed,
        m: n,
        n: m,
        k,
        lda: stored(b.tensor)?.1,
        ldb: stored(a.tensor)?.1,
        ldc: n,
    };
    if c.device().is_cuda() {
        return gpu::gemm(problem, b.tensor, a.tensor, c, accumulate);
    }
    match executor::current() {
        Some(executor) => executor.gemm(problem, b.tensor, a.tensor, c, accumulate),
        None => bail!("matmul: products of this kind are for CUDA"),
    }
}
