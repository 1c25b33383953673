//! Kernels of CUDA C on candle's tensors.
//!
//! A [`Module`] is the text of some kernels, with [`PRELUDE`] in front of it. [`Module::launch`] compiles it once for
//! the GPU that is there (nvrtc, at run time: one binary serves every generation) and enqueues a kernel. Nothing here
//! waits for the device.
//!
//! The text is written so that a C++ compiler takes it too. Where an [`Executor`] is set, as the crate
//! `cukernel-emulator` does, kernels run on the tensors of the CPU: the same text, launched by the same code, is tested
//! on machines without a GPU.
//!
//! | part | what |
//! |---|---|
//! | [`Module`], [`Grid`], [`args!`] | a launch |
//! | [`empty`], [`upload`] | memory: results to write, numbers from the host through pinned memory |
//! | [`matmul`] | matrix products by cuBLAS |
//! | [`open`], [`memory`], [`keep_compiled_in`] | the device, and a folder for what was compiled for it |
//! | [`Deferred`] | results whose numbers are still on the device |
//! | [`Gradient`], [`GradientSource`] | gradients, between a backward pass and a training rule |
//! | [`simd`] | loops for the vectors of the processor |

mod arg;
mod deferred;
mod executor;
mod gpu;
mod gradients;
mod memory;
mod module;
mod product;
pub mod simd;

pub use arg::{Arg, IntoArg};
pub use deferred::Deferred;
pub use executor::{Executor, emulated, with_executor};
pub use gpu::{Gpu, Memory, devices, keep_compiled_in, memory, open, visible};
pub use gradients::{Gradient, GradientSource};
pub use memory::{aligned, download, empty, upload};
pub use module::{Grid, Module, PRELUDE};
pub use product::{Columns, Operand, matmul, matmul_bands};

use candle_core::{DType, Device, Result, bail};

/// Whether kernels can be launched on tensors of this device.
pub fn runs_on(device: &Device) -> bool {
    device.is_cuda() || (device.is_cpu() && emulated())
}

/// The ending of the names of kernels for this type of activations.
///
/// # Errors
/// If it is neither f32 nor bf16.
pub fn suffix(dtype: DType) -> Result<&'static str> {
    match dtype {
        DType::F32 => Ok("f32"),
        DType::BF16 => Ok("bf16"),
        dtype => bail!("no kernel for {}: expected f32 or bf16", dtype.as_str()),
    }
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
