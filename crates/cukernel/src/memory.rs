//! Memory for results, and numbers to and from the host.

use candle_core::{CpuStorage, DType, Device, Result, Shape, Storage, Tensor, WithDType, bail};

use crate::{emulated, gpu};

/// The address of a contiguous tensor's first element, on a GPU or in the emulator.
pub(crate) fn address(tensor: &Tensor) -> Result<u64> {
    let (storage, layout) = tensor.storage_and_layout();
    let Some((start, _)) = layout.contiguous_offsets() else {
        bail!(
            "a kernel needs a contiguous tensor, found strides {:?} for {:?}",
            layout.stride(),
            layout.dims()
        )
    };
    let first = match &*storage {
        Storage::Cpu(storage) => cpu_address(storage)?,
        Storage::Cuda(storage) => gpu::address(storage)?,
        Storage::Metal(_) => bail!("a kernel for CUDA cannot read a tensor on Metal"),
    };
    Ok(first + (start * tensor.dtype().size_in_bytes()) as u64)
}

/// The tensor, contiguous and from a multiple of 16 bytes on, as kernels need it that read so much at once; a copy where it
/// is not, as a view may begin anywhere.
///
/// # Errors
/// If no kernel reads such a tensor, or the device has no memory left.
pub fn aligned(tensor: &Tensor) -> Result<Tensor> {
    let tensor = tensor.contiguous()?;
    if address(&tensor)?.is_multiple_of(16) { Ok(tensor) } else { tensor.force_contiguous() }
}

fn cpu_address(storage: &CpuStorage) -> Result<u64> {
    if !emulated() {
        bail!("a kernel for CUDA cannot read a tensor on the CPU");
    }
    Ok(match storage {
        CpuStorage::U8(values) => values.as_ptr() as u64,
        CpuStorage::U32(values) => values.as_ptr() as u64,
        CpuStorage::I64(values) => values.as_ptr() as u64,
        CpuStorage::BF16(values) => values.as_ptr() as u64,
        CpuStorage::F32(values) => values.as_ptr() as u64,
        CpuStorage::F64(values) => values.as_ptr() as u64,
        _ => bail!("no kernel reads this type of numbers"),
    })
}

/// A tensor for a kernel to write whole; in the emulator it is full of NaN until then.
///
/// # Errors
/// If the device has no memory left.
pub fn empty(shape: impl Into<Shape>, dtype: DType, device: &Device) -> Result<Tensor> {
    let shape = shape.into();
    if !device.is_cpu() {
        // SAFETY: floats and integers of any bits are values, and every kernel writes the whole of its results.
        return unsafe { Tensor::empty(shape, dtype, device) };
    }
    match dtype {
        DType::U32 => Tensor::full(u32::MAX, shape, device),
        dtype => Tensor::full(f32::NAN, shape, device)?.to_dtype(dtype),
    }
}

/// Numbers of the host as a tensor on `device`, through pinned memory: the host does not wait for the device.
///
/// # Errors
/// If the shape has another number of elements, or the device fails.
pub fn upload<T: WithDType>(values: &[T], shape: impl Into<Shape>, device: &Device) -> Result<Tensor> {
    let shape = shape.into();
    if shape.elem_count() != values.len() {
        bail!("upload: {} numbers do not fit shape {:?}", values.len(), shape.dims())
    }
    if device.is_cuda() {
        gpu::upload(values, shape, device)
    } else {
        Tensor::from_slice(values, shape, device)
    }
}

/// The numbers of a tensor as f64, in order; waits for the device.
///
/// # Errors
/// If the device fails.
pub fn download(tensor: &Tensor) -> Result<Vec<f64>> {
    tensor.flatten_all()?.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_vec1()
}
