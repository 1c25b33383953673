//! The slices of tensors.

use candle_core::{CpuStorage, Device, Layout, Result, Shape, Storage, StorageRef, Tensor, WithDType, bail};

use super::real::Real;

pub use sibert_products::buffer::{uninit, written};

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
