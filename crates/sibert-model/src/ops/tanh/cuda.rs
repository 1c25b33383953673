//! Launches of `tanh.cu`.

use candle_core::{Result, Tensor};
use cukernel::Module;

use crate::ops::elementwise::{SlopeOf, map};

/// The kernels.
pub const MODULE: Module = Module::new("tanh", include_str!("tanh.cu"));

/// As [`super::tanh`].
pub fn tanh(x: &Tensor) -> Result<Tensor> {
    map(MODULE, x, SlopeOf::Result)
}
