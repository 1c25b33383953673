//! Matrix products by cuBLAS.

use candle_core::{DType, Result, Tensor, bail};

use crate::{executor, gpu};

/// A matrix of a product: a contiguous tensor, its rows counted through all leading dimensions, or its transpose; or bands of
/// it, each of which is a matrix.
#[derive(Clone, Copy)]
pub struct Operand<'a> {
    tensor: &'a Tensor,
    transposed: bool,
    bands: Bands,
}

/// How a matrix is cut.
#[derive(Clone, Copy)]
enum Bands {
    Whole,
    Rows(usize),
    Columns { count: usize, width: usize },
}

impl<'a> Operand<'a> {
    /// The matrix as it is stored.
    pub fn of(tensor: &'a Tensor) -> Self {
        Self { tensor, transposed: false, bands: Bands::Whole }
    }

    /// Its transpose, read in place.
    pub fn transpose_of(tensor: &'a Tensor) -> Self {
        Self { transposed: true, ..Self::of(tensor) }
    }

    /// Its transpose.
    pub fn transpose(self) -> Self {
        Self { transposed: !self.transposed, ..self }
    }

    /// The tensor that holds it.
    pub fn tensor(&self) -> &'a Tensor {
        self.tensor
    }

    /// So many bands of as many rows, one below the other.
    pub fn row_bands(self, count: usize) -> Self {
        Self { bands: Bands::Rows(count), ..self }
    }

    /// So many bands of `width` columns, one beside the other; columns behind them are not read.
    pub fn column_bands(self, count: usize, width: usize) -> Self {
        Self { bands: Bands::Columns { count, width }, ..self }
    }

    /// Rows and columns, of a band.
    fn dims(&self) -> Result<(usize, usize)> {
        let (rows, columns) = self.stored()?;
        Ok(if self.transposed { (columns, rows) } else { (rows, columns) })
    }

    /// Rows and columns of a band in memory.
    fn stored(&self) -> Result<(usize, usize)> {
        let (rows, columns) = stored(self.tensor)?;
        match self.bands {
            Bands::Whole => Ok((rows, columns)),
            Bands::Rows(count) if count > 0 && rows % count == 0 => Ok((rows / count, columns)),
            Bands::Columns { count, width } if count * width <= columns => Ok((rows, width)),
            Bands::Rows(count) => bail!("matmul: {rows} rows do not divide into {count} bands"),
            Bands::Columns { count, width } => {
                bail!("matmul: {columns} columns have no {count} bands of {width}")
            }
        }
    }

    fn count(&self) -> usize {
        match self.bands {
            Bands::Whole => 1,
            Bands::Rows(count) | Bands::Columns { count, .. } => count,
        }
    }

    /// Distance of two bands.
    fn stride(&self) -> Result<usize> {
        Ok(match self.bands {
            Bands::Whole => 0,
            Bands::Rows(_) => self.stored()?.0 * stored(self.tensor)?.1,
            Bands::Columns { width, .. } => width,
        })
    }

    /// Distance of two rows in memory.
    fn pitch(&self) -> Result<usize> {
        Ok(stored(self.tensor)?.1)
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
    /// How many products there are of this kind.
    pub count: usize,
    /// Distances of two first operands, of two second ones and of two results.
    pub strides: [usize; 3],
}

/// `c = a b`, or `c += a b`: a (m, k) and b (k, n) of one type, f32 or bf16, c (m, n) of that type or f32.
///
/// Products are added up in f32; no operand is rounded.
///
/// # Errors
/// If the shapes or types do not fit, or the device fails.
pub fn matmul(a: Operand, b: Operand, c: &Tensor, accumulate: bool) -> Result<()> {
    matmul_bands(a, b, Operand::of(c), accumulate)
}

/// [`matmul`] of each band of `a` with the same of `b` to the same of `c`, in one call.
///
/// # Errors
/// As [`matmul`]; if the operands have other numbers of bands; if `c` is a transpose.
pub fn matmul_bands(a: Operand, b: Operand, c: Operand, accumulate: bool) -> Result<()> {
    let ((m, k), (inner, n)) = (a.dims()?, b.dims()?);
    if k != inner || c.transposed || c.dims()? != (m, n) {
        bail!("matmul: ({m}, {k}) times ({inner}, {n}) does not fit a result of shape {:?}", c.tensor.dims())
    }
    let counts = [a, b, c].map(|operand| operand.count());
    if counts.iter().any(|&count| count != counts[0]) {
        bail!("matmul: operands of {counts:?} bands, expected the same number")
    }
    let types = [a, b, c].map(|operand| operand.tensor.dtype());
    match types {
        [DType::F32, DType::F32, DType::F32] | [DType::BF16, DType::BF16, DType::F32 | DType::BF16] => (),
        _ => bail!(
            "matmul: no product of {} and {} to {}",
            types[0].as_str(),
            types[1].as_str(),
            types[2].as_str()
        ),
    }
    if m == 0 || n == 0 || counts[0] == 0 {
        return Ok(());
    }
    let problem = Columns {
        transpose_a: b.transposed,
        transpose_b: a.transposed,
        m: n,
        n: m,
        k,
        lda: b.pitch()?,
        ldb: a.pitch()?,
        ldc: c.pitch()?,
        count: counts[0],
        strides: [b.stride()?, a.stride()?, c.stride()?],
    };
    let (a, b, c) = (a.tensor, b.tensor, c.tensor);
    if c.device().is_cuda() {
        return gpu::gemm(problem, b, a, c, accumulate);
    }
    match executor::current() {
        Some(executor) => executor.gemm(problem, b, a, c, accumulate),
        None => bail!("matmul: products of this kind are for CUDA"),
    }
}
