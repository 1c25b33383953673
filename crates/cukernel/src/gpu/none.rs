//! A build without the feature `cuda`.

use candle_core::{CudaStorage, Device, Result, Shape, Tensor, WithDType, bail};

use super::{Gpu, Memory};
use crate::{Arg, Columns, Grid, Module};

const REASON: &str = "this build has no CUDA support: build with --features cuda";

/// No device.
///
/// # Errors
/// Always: the feature is off.
pub fn devices() -> Result<Vec<Gpu>> {
    bail!("{REASON}")
}

/// None.
pub fn visible() -> usize {
    0
}

/// No device.
///
/// # Errors
/// Always: the feature is off.
pub fn open(_index: usize) -> Result<Device> {
    bail!("{REASON}")
}

/// Nothing is compiled.
pub fn keep_compiled_in(_folder: std::path::PathBuf) {}

/// No memory to speak of.
///
/// # Errors
/// Never.
pub fn memory(_device: &Device) -> Result<Option<Memory>> {
    Ok(None)
}

pub(crate) fn address(_storage: &CudaStorage) -> Result<u64> {
    bail!("{REASON}")
}

/// No kernel.
///
/// # Safety
/// None is launched.
pub(crate) unsafe fn launch(
    _device: &Device,
    _module: &Module,
    _kernel: &str,
    _grid: Grid,
    _args: &[Arg],
) -> Result<()> {
    bail!("{REASON}")
}

pub(crate) fn gemm(
    _problem: Columns,
    _a: &Tensor,
    _b: &Tensor,
    _c: &Tensor,
    _accumulate: bool,
) -> Result<()> {
    bail!("{REASON}")
}

pub(crate) fn upload<T: WithDType>(_values: &[T], _shape: Shape, _device: &Device) -> Result<Tensor> {
    bail!("{REASON}")
}
