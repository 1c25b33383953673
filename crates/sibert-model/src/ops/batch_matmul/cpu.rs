use candle_core::{CpuStorage, Layout, Result, bail};
use gemm::Parallelism;
use rayon::prelude::*;

use crate::ops::real::Real;

/// A batch of strided matrices inside one buffer.
pub struct Matrices<'a, T> {
    data: &'a [T],
    batch: &'a [usize],
    batch_strides: &'a [usize],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
    start: usize,
}

impl<'a, T: Real> Matrices<'a, T> {
    /// Views a storage by its layout, which must not reach beyond the storage.
    pub fn new(storage: &'a CpuStorage, layout: &'a Layout) -> Result<Self> {
        let data = T::cpu_storage_as_slice(storage)?;
        let ([batch @ .., rows, columns], [batch_strides @ .., row_stride, column_stride]) =
            (layout.dims(), layout.stride())
        else {
            bail!("batch_matmul: expected matrices, found shape {:?}", layout.dims())
        };
        let last =
            layout.dims().iter().zip(layout.stride()).map(|(dim, stride)| dim.saturating_sub(1) * stride);
        let end = layout.start_offset() + last.sum::<usize>();
        if layout.shape().elem_count() > 0 && end >= data.len() {
            bail!("batch_matmul: layout {layout:?} reaches beyond the {} elements stored", data.len())
        }
        let (rows, columns, row_stride, column_stride) = (*rows, *columns, *row_stride, *column_stride);
        let start = layout.start_offset();
        Ok(Self { data, batch, batch_strides, rows, columns, row_stride, column_stride, start })
    }

    /// Where the `index`-th matrix begins.
    fn offset(&self, index: usize) -> usize {
        let dims = self.batch.iter().zip(self.batch_strides).rev();
        let (offset, _) = dims.fold((self.start, index), |(offset, index), (dim, stride)| {
            (offset + index % dim * stride, index / dim)
        });
        offset
    }
}

/// The products of the batch in parallel, each on one thread.
pub fn product<T: Real>(a: &Matrices<T>, b: &Matrices<T>) -> Vec<T> {
    let size = a.rows * b.columns;
    let mut c = vec![T::zero(); a.batch.iter().product::<usize>() * size];
    if a.columns > 0 && !c.is_empty() {
        c.par_chunks_exact_mut(size).enumerate().for_each(|(index, c)| multiply(a, b, index, c));
    }
    c
}

/// `c = a b` for the `index`-th matrices, `c` row-major.
fn multiply<T: Real>(a: &Matrices<T>, b: &Matrices<T>, index: usize, c: &mut [T]) {
    let (m, n, k) = (a.rows, b.columns, a.columns);
    debug_assert!(c.len() == m * n && b.rows == k);
    let (a_data, b_data) = (&a.data[a.offset(index)..], &b.data[b.offset(index)..]);
    // SAFETY: `c` holds m·n elements, borrowed exclusively. `Matrices::new` has checked that the largest offset of each
    // operand's layout, of which row m-1 and column k-1 (row k-1 and column n-1) of matrix `index` are at most part,
    // lies inside its data; `b.rows == a.columns` is checked before the operation is made.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            n as isize,
            false,
            a_data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b_data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            T::zero(),
            T::one(),
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
