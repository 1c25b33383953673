//! The GPU through candle's CUDA backend.

use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use candle_core::cuda_backend::cudarc::cublas::{result as cublas, sys as blas};
use candle_core::cuda_backend::cudarc::driver::result::{launch_kernel, mem_pool, memcpy_htod_async};
use candle_core::cuda_backend::cudarc::driver::sys::{
    CUdevice_attribute, CUfunction_attribute, CUmemPool_attribute, CUmemoryPool,
};
use candle_core::cuda_backend::cudarc::driver::{CudaContext, CudaFunction, DevicePtr, result};
use candle_core::cuda_backend::{CudaStorageSlice, DeviceId, WrapErr};
use candle_core::{CudaDevice, CudaStorage, DType, Device, Result, Shape, Tensor, WithDType, bail};

use super::{Gpu, Memory, compile, pinned};
use crate::{Arg, Columns, Grid, Module, memory::empty};

/// More dynamic shared memory than this has to be asked for.
const PLAIN_SHARED: u32 = 48 << 10;

/// The GPUs that the driver knows of.
///
/// # Errors
/// If there is no driver, or no GPU.
pub fn devices() -> Result<Vec<Gpu>> {
    result::init().w()?;
    let count = CudaContext::device_count().w()?;
    let describe = |index: usize| {
        let context = CudaContext::new(index).w()?;
        let (major, minor) = context.compute_capability().w()?;
        let multiprocessors =
            context.attribute(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT).w()?;
        Ok(Gpu {
            index,
            name: context.name().w()?,
            memory: context.total_mem().w()?,
            capability: (major as u32, minor as u32),
            multiprocessors: multiprocessors as u32,
        })
    };
    (0..count as usize).map(describe).collect()
}

/// How many GPUs the driver shows this process; none without a driver.
pub fn visible() -> usize {
    let count = result::init().and_then(|()| CudaContext::device_count());
    count.map_or(0, |count| count as usize)
}

/// Opens a GPU for one stream of work: memory stays with the process, and nothing is synchronised behind its back.
///
/// # Errors
/// If there is no driver or no such GPU.
pub fn open(index: usize) -> Result<Device> {
    let device = Device::new_cuda_with_stream(index)?;
    let cuda = device.as_cuda_device()?;
    // SAFETY: everything is enqueued on the one stream of this device.
    unsafe { cuda.disable_event_tracking() };
    if cuda.cuda_stream().context().has_async_alloc() {
        let keep_all = u64::MAX;
        // SAFETY: the attribute is a u64, which is copied.
        unsafe {
            mem_pool::set_attribute(
                pool(cuda)?,
                CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD,
                std::ptr::from_ref(&keep_all).cast_mut().cast(),
            )
        }
        .w()?;
    }
    let exact = blas::cublasMath_t::CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION;
    // SAFETY: the handle is valid.
    unsafe { blas::cublasSetMathMode(*cuda.cublas_handle().handle(), exact) }.result().w()?;
    Ok(device)
}

/// The memory of the GPU that tensors take; none for other devices.
///
/// # Errors
/// If the driver fails.
pub fn memory(device: &Device) -> Result<Option<Memory>> {
    let Ok(cuda) = device.as_cuda_device() else { return Ok(None) };
    if !cuda.cuda_stream().context().has_async_alloc() {
        return Ok(None);
    }
    let pool = pool(cuda)?;
    let read = |attribute| {
        let mut bytes = 0_u64;
        // SAFETY: these attributes are u64.
        unsafe { mem_pool::get_attribute(pool, attribute, std::ptr::from_mut(&mut bytes).cast()) }.w()?;
        Ok::<_, candle_core::Error>(bytes)
    };
    Ok(Some(Memory {
        used: read(CUmemPool_attribute::CU_MEMPOOL_ATTR_USED_MEM_CURRENT)?,
        peak: read(CUmemPool_attribute::CU_MEMPOOL_ATTR_USED_MEM_HIGH)?,
    }))
}

fn pool(cuda: &CudaDevice) -> Result<CUmemoryPool> {
    let stream = cuda.cuda_stream();
    stream.context().bind_to_thread().w()?;
    // SAFETY: the device is that of an open context.
    unsafe { result::device::get_default_mem_pool(stream.context().cu_device()) }.w()
}

pub(crate) fn address(storage: &CudaStorage) -> Result<u64> {
    let stream = storage.device.cuda_stream();
    Ok(match &storage.slice {
        CudaStorageSlice::U8(values) => values.device_ptr(&stream).0,
        CudaStorageSlice::U32(values) => values.device_ptr(&stream).0,
        CudaStorageSlice::I64(values) => values.device_ptr(&stream).0,
        CudaStorageSlice::BF16(values) => values.device_ptr(&stream).0,
        CudaStorageSlice::F32(values) => values.device_ptr(&stream).0,
        CudaStorageSlice::F64(values) => values.device_ptr(&stream).0,
        _ => bail!("no kernel reads this type of numbers"),
    })
}

/// Enqueues a kernel.
///
/// # Safety
/// As [`Module::launch`].
pub(crate) unsafe fn launch(
    device: &Device,
    module: &Module,
    kernel: &str,
    grid: Grid,
    args: &[Arg],
) -> Result<()> {
    let cuda = device.as_cuda_device()?;
    let function = function(cuda, module, kernel)?;
    if grid.shared > PLAIN_SHARED {
        let attribute = CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
        function.set_attribute(attribute, grid.shared as i32).w()?;
    }
    let stream = cuda.cuda_stream();
    stream.context().bind_to_thread().w()?;
    let mut pointers: Vec<*mut c_void> = args.iter().map(|arg| arg.as_ptr().cast_mut()).collect();
    let [x, y, z] = grid.blocks;
    // SAFETY: the caller's promise about the arguments, which outlive the call; the driver copies them.
    let launched = unsafe {
        launch_kernel(
            function.cu_function(),
            (x, y, z),
            (grid.threads, 1, 1),
            grid.shared,
            stream.cu_stream(),
            &mut pointers,
        )
    };
    launched.map_err(|error| candle_core::Error::Msg(format!("{kernel}: {grid:?}: {error}")))
}

type Functions = HashMap<(DeviceId, &'static str, String), Arc<CudaFunction>>;

/// The kernel, compiled at its first use on a device.
fn function(cuda: &CudaDevice, module: &Module, kernel: &str) -> Result<Arc<CudaFunction>> {
    static FUNCTIONS: LazyLock<Mutex<Functions>> = LazyLock::new(Mutex::default);
    let key = (cuda.id(), module.name(), kernel.to_string());
    let mut functions = FUNCTIONS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(function) = functions.get(&key) {
        return Ok(function.clone());
    }
    let loaded = compile::with_ptx(cuda, module, |key, ptx| cuda.get_or_load_custom_func(kernel, key, ptx))?;
    let function = Arc::new(loaded.into_cuda_function());
    functions.insert(key, function.clone());
    Ok(function)
}

pub(crate) fn gemm(problem: Columns, a: &Tensor, b: &Tensor, c: &Tensor, accumulate: bool) -> Result<()> {
    let Columns { transpose_a, transpose_b, m, n, k, lda, ldb, ldc, count, strides } = problem;
    let cuda = c.device().as_cuda_device()?;
    let operation = |transposed| match transposed {
        true => blas::cublasOperation_t::CUBLAS_OP_T,
        false => blas::cublasOperation_t::CUBLAS_OP_N,
    };
    let kind = |x: &Tensor| match x.dtype() {
        DType::BF16 => blas::cudaDataType::CUDA_R_16BF,
        _ => blas::cudaDataType::CUDA_R_32F,
    };
    let pointer = |x: &Tensor| Ok::<_, candle_core::Error>(crate::memory::address(x)? as *const c_void);
    let size = |n: usize| i32::try_from(n).map_err(|_| candle_core::Error::Msg(format!("matmul: size {n}")));
    let (alpha, beta) = (1_f32, if accumulate { 1_f32 } else { 0. });
    cuda.cuda_stream().context().bind_to_thread().w()?;
    let stride =
        |n: usize| i64::try_from(n).map_err(|_| candle_core::Error::Msg(format!("matmul: stride {n}")));
    let (handle, sizes) = (*cuda.cublas_handle().handle(), (size(m)?, size(n)?, size(k)?));
    let [alpha, beta] = [&alpha, &beta].map(|factor| std::ptr::from_ref(factor).cast());
    let (compute, algorithm) =
        (blas::cublasComputeType_t::CUBLAS_COMPUTE_32F, blas::cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT);
    // SAFETY: `matmul_bands` has compared the shapes and types; the factors are floats of the host, read at once.
    unsafe {
        cublas::gemm_strided_batched_ex(
            handle,
            operation(transpose_a),
            operation(transpose_b),
            sizes.0,
            sizes.1,
            sizes.2,
            alpha,
            pointer(a)?,
            kind(a),
            size(lda)?,
            stride(strides[0])?,
            pointer(b)?,
            kind(b),
            size(ldb)?,
            stride(strides[1])?,
            beta,
            pointer(c)?.cast_mut(),
            kind(c),
            size(ldc)?,
            stride(strides[2])?,
            size(count)?,
            compute,
            algorithm,
        )
    }
    .w()
}

pub(crate) fn upload<T: WithDType>(values: &[T], shape: Shape, device: &Device) -> Result<Tensor> {
    let cuda = device.as_cuda_device()?;
    let tensor = empty(shape, T::DTYPE, device)?;
    if values.is_empty() {
        return Ok(tensor);
    }
    let (target, stream) = (crate::memory::address(&tensor)?, cuda.cuda_stream());
    // SAFETY: numbers are bytes.
    let bytes =
        unsafe { std::slice::from_raw_parts(values.as_ptr().cast::<u8>(), std::mem::size_of_val(values)) };
    pinned::with(&stream, bytes, |pinned| {
        // SAFETY: the tensor has as many bytes, and the pinned ones stay until the copy is done.
        unsafe { memcpy_htod_async(target, pinned, stream.cu_stream()) }.w()
    })?;
    Ok(tensor)
}
