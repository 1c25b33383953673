//! Launches of `relu.cu`.

use candle_core::{Result, Tensor};
use cukernel::Module;

use crate::ops::elementwise::{SlopeOf, map};

/// The kernels.
pub const MODULE: Module = Module::new("relu", include_str!("relu.cu"));

/// As [`super::relu`].
pub fn relu(x: &Tensor) -> Result<Tensor> {
    map(MODULE, x, SlopeOf::Input)
}
