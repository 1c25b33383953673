//! New buffers without a first pass of zeros, and the slices of tensors.

use std::mem::{ManuallyDrop, MaybeUninit};

use candle_core::{CpuStorage, Device, Layout, Result, Shape, Storage, StorageRef, Tensor, WithDType, bail};

use super::real::Real;

/// Memory for `len` numbers, none of which has a value yet: a pass of zeros costs as much as the kernels that follow it.
pub fn uninit<T: Real>(len: usize) -> Vec<MaybeUninit<T>> {
    let mut buffer = Vec::with_capacity(len);
    // SAFETY: there is room for `len` elements, and `MaybeUninit` needs no value.
    unsafe { buffer.set_len(len) };
    buffer
}

/// The numbers in a buffer, without a copy.
///
/// # Safety
/// Every element has been written.
pub unsafe fn written<T: Real>(buffer: Vec<MaybeUninit<T>>) -> Vec<T> {
    let mut buffer = ManuallyDrop::new(buffer);
    let (pointer, len, capacity) = (buffer.as_mut_ptr().cast::<T>(), buffer.len(), buffer.capacity());
    // SAFETY: the allocation is that of a vector of the same layout; by the caller's promise its elements have values.
    unsafe { Vec::from_raw_parts(pointer, len, capacity) }
}

/// Read access to a tensor's numbers on the CPU.
pub struct Values<'a> {
    storage: StorageRef<'a>,
    layout: &'a Layout,
}

impl<'a> Values<'a> {
    /// Locks `tensor` for reading.
    pub fn of(tensor: &'a Tensor) -> Self {
        let (storage, layout) = tensor.storage_and_layout();
        Self { storage, layout }
    }

    /// The shape.
    pub fn shape(&self) -> &Shape {
        self.layout.shape()
    }

    /// The elements in order.
    ///
    /// # Errors
    /// If the tensor is not contiguous, not on the CPU, or of another type.
    pub fn slice<T: WithDType>(&self) -> Result<&[T]> {
        match &*self.storage {
            Storage::Cpu(storage) => slice(storage, self.layout),
            _ => bail!("expected a tensor on the CPU"),
        }
    }
}

/// The elements of a contiguous tensor.
///
/// # Errors
/// If the layout has gaps, or the numbers are of another type.
pub fn slice<'a, T: WithDType>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [T]> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        bail!("expected a contiguous tensor, found strides {:?} for {:?}", layout.stride(), layout.dims())
    };
    Ok(&T::cpu_storage_as_slice(storage)?[start..end])
}

/// A tensor on the CPU that takes `values` over without a copy.
pub fn tensor<T: Real>(values: Vec<T>, shape: impl Into<Shape>) -> Result<Tensor> {
    Tensor::from_vec(values, shape.into(), &Device::Cpu)
}
