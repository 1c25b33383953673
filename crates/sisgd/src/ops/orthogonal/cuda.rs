//! The launches: the products by cuBLAS, kernels for what is around them.

use super::bands::Bands;
use super::polynomial::{ALPHA, BETA, GAMMA, TIMES};
use crate::ops::group::{Group, KERNELS, THREADS};
use candle_core::{DType, Result, Tensor};
use cukernel::{Grid, Operand, args, matmul_bands};
use std::ops::Range;

/// A matrix of a group, and its bias if it has two variables.
pub(crate) struct Matrix<'a> {
    pub group: &'a Group,
    pub vars: Range<usize>,
    /// Rows and columns, the bias not counted.
    pub dims: (usize, usize),
    pub bands: Bands,
}

impl Matrix<'_> {
    /// `U` (rows, pitch), the bias behind the columns and zeros behind that; `sums` are the dot products of all variables.
    pub fn factor(&self, sums: &Tensor) -> Result<Tensor> {
        let (x, u) = (self.packed(sums)?, self.empty(self.dims.0, self.pitch())?);
        let rows = self.bands.dims(self.dims).0;
        let [x, u] = [&x, &u].map(|matrix| self.cut(Operand::of(matrix)));
        if rows >= self.width() {
            let gram = self.squares(self.band_pitch())?;
            matmul_bands(x.transpose(), x, self.each(&gram), false)?;
            matmul_bands(x, self.each(&self.polynomial(gram)?), u, false)?;
        } else {
            let gram = self.squares(rows)?;
            matmul_bands(x, x.transpose(), self.each(&gram), false)?;
            matmul_bands(self.each(&self.polynomial(gram)?), x, u, false)?;
        }
        Ok(u.tensor().clone())
    }

    /// The parts of `⟨W, U⟩` and `‖U‖²`, two for each chunk.
    pub fn products(&self, factor: &Tensor, parts: &Tensor) -> Result<()> {
        let (table, chunks) = (self.table()?, self.group.chunks_of(self.vars.clone()));
        let args = args![table, self.vars.len(), chunks.start, factor, self.dims.1, self.pitch(), parts];
        // SAFETY: the variables have the elements of U's columns, and there are two parts for each chunk.
        unsafe { self.launch("factor_dots", Grid::new(chunks.len(), THREADS), &args) }
    }

    /// `W ← keep·W − rate·U`, `how` being the block's move on the device.
    pub fn descend(&self, factor: &Tensor, guard: &Tensor, how: &Tensor) -> Result<()> {
        let (table, chunks) = (self.table()?, self.group.chunks_of(self.vars.clone()));
        let (count, columns) = (self.vars.len(), self.dims.1);
        let args = args![table, count, chunks.start, guard, how, factor, columns, self.pitch()];
        // SAFETY: the variables have the elements of U's columns, and nothing else writes them.
        unsafe { self.launch("factor_descend", Grid::new(chunks.len(), THREADS), &args) }
    }

    /// The gradient, each band of norm 1.
    fn packed(&self, sums: &Tensor) -> Result<Tensor> {
        let ((rows, columns), pitch) = (self.dims, self.pitch());
        let x = self.empty(rows, pitch)?;
        let sums = sums.narrow(0, self.vars.start * 3, self.vars.len() * 3)?;
        let (table, count) = (self.table()?, self.vars.len());
        // The bands of a matrix that is one have no scales of their own: its norm is known.
        let own = self.scales()?;
        let (banded, scales) = (u32::from(own.is_some()), own.as_ref().unwrap_or(&sums));
        let (tall, wide) = self.bands.dims(self.dims);
        let args = args![table, count, sums, banded, scales, rows, columns, pitch, tall, wide, x];
        // SAFETY: the variables are a matrix of these rows and columns, and a vector of as many rows; so is x of its own.
        unsafe { self.launch("pack", Grid::elements(rows * pitch / 4), &args)? };
        Ok(x)
    }

    /// `1/‖G‖` of each band; none for a matrix that is one.
    fn scales(&self) -> Result<Option<Tensor>> {
        let (count, below) = match self.bands {
            Bands::Whole => return Ok(None),
            Bands::Rows(count) => (count, 1_u32),
            Bands::Columns(count) => (count, 0),
        };
        let scales = self.group.empty(count, DType::F64)?;
        let ((rows, columns), table) = (self.bands.dims(self.dims), self.table()?);
        let args = args![table, self.vars.len(), rows, columns, self.dims.1, below, scales];
        // SAFETY: the bands are of this matrix, and there is a scale for each.
        unsafe { self.launch("band_scales", Grid::new(count, THREADS), &args)? };
        Ok(Some(scales))
    }

    /// `P` of each band with `U = X P`, from the Gram matrix of X: see [`polynomial`](super::polynomial::polynomial).
    fn polynomial(&self, gram: Tensor) -> Result<Tensor> {
        let (count, n) = (self.bands.count(), gram.dim(1)?);
        let [mut p, b, mut product] = [self.squares(n)?, self.squares(n)?, self.squares(n)?];
        let times = |x: &Tensor, y: &Tensor, z: &Tensor| {
            matmul_bands(self.each(x), self.each(y), self.each(z), false)
        };
        for time in 0..TIMES {
            // The first factor is where P begins.
            let b = if time == 0 { p.clone() } else { b.clone() };
            times(&gram, &gram, &b)?;
            let args = args![gram, b, n, count, ALPHA as f32, BETA as f32, GAMMA as f32];
            // SAFETY: both are so many matrices (n, n).
            unsafe { self.launch("polynomial", Grid::elements(count * n * n), &args)? };
            if time > 0 {
                times(&p, &b, &product)?;
                std::mem::swap(&mut p, &mut product);
            }
            if time + 1 < TIMES {
                times(&gram, &b, &product)?;
                times(&product, &b, &gram)?;
            }
        }
        Ok(p)
    }

    /// The bands of a matrix that is packed as the gradient is.
    fn cut<'a>(&self, matrix: Operand<'a>) -> Operand<'a> {
        match self.bands {
            Bands::Whole => matrix,
            Bands::Rows(count) => matrix.row_bands(count),
            Bands::Columns(count) => matrix.column_bands(count, self.dims.1 / count),
        }
    }

    /// Each of the matrices of [`squares`](Self::squares).
    fn each<'a>(&self, squares: &'a Tensor) -> Operand<'a> {
        Operand::of(squares).row_bands(self.bands.count())
    }

    /// A matrix (n, n) for each band, one below the other.
    fn squares(&self, n: usize) -> Result<Tensor> {
        self.empty(self.bands.count() * n, n)
    }

    /// Columns of a band with the bias.
    fn width(&self) -> usize {
        self.bands.dims(self.dims).1 + self.vars.len() - 1
    }

    /// Columns of a band in memory: of several side by side without what is behind them.
    fn band_pitch(&self) -> usize {
        match self.bands {
            Bands::Columns(count) => self.dims.1 / count,
            _ => self.pitch(),
        }
    }

    /// Columns in memory, so that all rows begin at a multiple of 16 bytes.
    fn pitch(&self) -> usize {
        (self.dims.1 + self.vars.len() - 1).next_multiple_of(4)
    }

    /// The variables' rows of the group's table.
    fn table(&self) -> Result<Tensor> {
        self.group.table.narrow(0, self.vars.start, self.vars.len())
    }

    fn empty(&self, rows: usize, columns: usize) -> Result<Tensor> {
        cukernel::empty((rows, columns), DType::F32, self.group.device())
    }

    /// # Safety
    /// As for [`Module::launch`](cukernel::Module::launch).
    unsafe fn launch(&self, kernel: &str, grid: Grid, args: &[cukernel::Arg]) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { KERNELS.launch(self.group.device(), kernel, grid, args) }
    }
}
