//! The launches: the products by cuBLAS, kernels for what is around them.

use super::polynomial::{ALPHA, BETA, GAMMA, TIMES};
use crate::ops::group::{Group, KERNELS, THREADS};
use candle_core::{DType, Result, Tensor};
use cukernel::{Grid, Operand, args, matmul};
use std::ops::Range;

/// A matrix of a group, and its bias if it has two variables.
pub(crate) struct Matrix<'a> {
    pub group: &'a Group,
    pub vars: Range<usize>,
    /// Rows and columns, the bias not counted.
    pub dims: (usize, usize),
}

impl Matrix<'_> {
    /// `U` (rows, pitch), the bias behind the columns and zeros behind that; `sums` are the dot products of all variables.
    pub fn factor(&self, sums: &Tensor) -> Result<Tensor> {
        let (x, u) = (self.packed(sums)?, self.empty(self.dims.0, self.pitch())?);
        let (rows, width) = (self.dims.0, self.width());
        if rows >= width {
            let gram = self.empty(self.pitch(), self.pitch())?;
            matmul(Operand::transpose_of(&x), Operand::of(&x), &gram, false)?;
            matmul(Operand::of(&x), Operand::of(&self.polynomial(gram)?), &u, false)?;
        } else {
            let gram = self.empty(rows, rows)?;
            matmul(Operand::of(&x), Operand::transpose_of(&x), &gram, false)?;
            matmul(Operand::of(&self.polynomial(gram)?), Operand::of(&x), &u, false)?;
        }
        Ok(u)
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

    /// The gradient, of norm 1.
    fn packed(&self, sums: &Tensor) -> Result<Tensor> {
        let ((rows, columns), pitch) = (self.dims, self.pitch());
        let x = self.empty(rows, pitch)?;
        let sums = sums.narrow(0, self.vars.start * 3, self.vars.len() * 3)?;
        let table = self.table()?;
        let args = args![table, self.vars.len(), sums, rows, columns, pitch, x];
        // SAFETY: the variables are a matrix of these rows and columns, and a vector of as many rows; so is x of its own.
        unsafe { self.launch("pack", Grid::elements(rows * pitch / 4), &args)? };
        Ok(x)
    }

    /// `P` with `U = X P`, from the Gram matrix of X: see [`polynomial`](super::polynomial::polynomial).
    fn polynomial(&self, gram: Tensor) -> Result<Tensor> {
        let n = gram.dim(0)?;
        let [mut p, b, mut product] = [self.empty(n, n)?, self.empty(n, n)?, self.empty(n, n)?];
        let times = |x: &Tensor, y: &Tensor, z: &Tensor| matmul(Operand::of(x), Operand::of(y), z, false);
        for time in 0..TIMES {
            // The first factor is where P begins.
            let b = if time == 0 { p.clone() } else { b.clone() };
            times(&gram, &gram, &b)?;
            let args = args![gram, b, n, ALPHA as f32, BETA as f32, GAMMA as f32];
            // SAFETY: both are (n, n).
            unsafe { self.launch("polynomial", Grid::elements(n * n), &args)? };
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

    /// Columns with the bias.
    fn width(&self) -> usize {
        self.dims.1 + self.vars.len() - 1
    }

    /// Columns in memory, so that all rows begin at a multiple of 16 bytes.
    fn pitch(&self) -> usize {
        self.width().next_multiple_of(4)
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
