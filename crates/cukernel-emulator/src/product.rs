//! Matrix products as cuBLAS makes them, by its manual.

use candle_core::{CpuStorage, DType, Result, Storage, Tensor, bail};
use cukernel::Columns;

/// `c = a b`, or `c += a b`: matrices by columns, `ld` apart.
pub fn gemm(problem: Columns, a: &Tensor, b: &Tensor, c: &Tensor, accumulate: bool) -> Result<()> {
    let Columns { transpose_a, transpose_b, m, n, k, lda, ldb, ldc, count, strides } = problem;
    let widen = |x: &Tensor| x.flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>();
    let (a, b) = (widen(a)?, widen(b)?);
    let at = |x: &[f32], transposed: bool, ld: usize, row: usize, column: usize| {
        if transposed { x[column + row * ld] } else { x[row + column * ld] }
    };
    for band in 0..count {
        let [a, b] = [&a[band * strides[0]..], &b[band * strides[1]..]];
        for (column, row) in (0..n).flat_map(|column| (0..m).map(move |row| (column, row))) {
            let term = |i: usize| at(a, transpose_a, lda, row, i) * at(b, transpose_b, ldb, i, column);
            let sum = (0..k).map(term).sum();
            put(c, band * strides[2] + row + column * ldc, sum, accumulate)?;
        }
    }
    Ok(())
}

/// Writes or adds to one element, as a kernel does: the tensor is shared, and nobody reads it meanwhile.
fn put(c: &Tensor, index: usize, sum: f32, accumulate: bool) -> Result<()> {
    let (storage, layout) = c.storage_and_layout();
    let index = match layout.contiguous_offsets() {
        Some((start, end)) if index < end - start => start + index,
        _ => bail!("a product writes element {index} of a result of shape {:?}", layout.dims()),
    };
    // SAFETY: the element is one of the storage's.
    unsafe {
        match &*storage {
            Storage::Cpu(CpuStorage::F32(c)) => {
                let c = c.as_ptr().cast_mut().add(index);
                *c = if accumulate { *c + sum } else { sum };
            }
            Storage::Cpu(CpuStorage::BF16(c)) => {
                let c = c.as_ptr().cast_mut().add(index);
                *c = half::bf16::from_f32(if accumulate { (*c).to_f32() + sum } else { sum });
            }
            _ => bail!("a product's result is neither f32 nor bf16 on the CPU"),
        }
    }
    Ok(())
}
