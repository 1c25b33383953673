//! The elements of contiguous tensors on the CPU, as slices to read and to write.

use super::real::Real;
use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, DType, InplaceOp1, Layout, Result, Storage, Tensor, bail};
use std::cell::Cell;
use std::ops::Range;

/// The result of `f` for the elements of `tensor`.
pub(super) fn read<T: Real, R>(tensor: &Tensor, f: impl FnOnce(&[T]) -> Result<R>) -> Result<R> {
    let (storage, layout) = tensor.storage_and_layout();
    let range = elements(layout)?;
    match &*storage {
        Storage::Cpu(storage) => match T::slice(storage) {
            Some(values) => f(&values[range]),
            None => unsupported(storage.dtype()),
        },
        _ => bail!("expected a tensor on the CPU"),
    }
}

/// The result of `f` for the elements of `tensor`, which it may change.
///
/// No other tensor that `f` reads or writes may share the storage of `tensor`: it would wait for itself.
pub(super) fn write<T: Real, R>(tensor: &Tensor, f: impl FnOnce(&mut [T]) -> Result<R>) -> Result<R> {
    let result = Cell::new(None);
    let change = |storage: &mut CpuStorage, layout: &Layout| {
        let (range, dtype) = (elements(layout)?, storage.dtype());
        match T::slice_mut(storage) {
            Some(values) => result.set(Some(f(&mut values[range])?)),
            None => unsupported(dtype)?,
        }
        Ok(())
    };
    tensor.inplace_op1(&Change(Cell::new(Some(change))))?;
    match result.into_inner() {
        Some(result) => Ok(result),
        None => bail!("expected a tensor on the CPU"),
    }
}

/// Whether two tensors are views of the same memory.
pub(crate) fn share_storage(a: &Tensor, b: &Tensor) -> bool {
    let (a, b) = (a.storage_and_layout().0, b.storage_and_layout().0);
    std::ptr::eq(&*a, &*b)
}

/// A change in place that happens once.
struct Change<F>(Cell<Option<F>>);

impl<F: FnOnce(&mut CpuStorage, &Layout) -> Result<()>> InplaceOp1 for Change<F> {
    fn name(&self) -> &'static str {
        "update"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        self.0.take().map_or(Ok(()), |change| change(storage, layout))
    }
}

/// The elements of a contiguous layout.
fn elements(layout: &Layout) -> Result<Range<usize>> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(start..end),
        None => bail!(
            "expected a contiguous tensor, found shape {:?}, strides {:?}",
            layout.dims(),
            layout.stride()
        ),
    }
}

fn unsupported<R>(dtype: DType) -> Result<R> {
    bail!("expected tensors that are all f32 or all f64, found one of {}", dtype.as_str())
}
