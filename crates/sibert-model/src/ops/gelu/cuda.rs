//! Launches of `gelu.cu`.

use candle_core::{Result, Tensor};
use cukernel::Module;

use crate::ops::elementwise::{SlopeOf, map};

/// The kernels.
pub const MODULE: Module = Module::new("gelu", include_str!("gelu.cu"));

/// As [`super::gelu`].
pub fn gelu(x: &Tensor) -> Result<Tensor> {
    map(MODULE, x, SlopeOf::Input)
}
