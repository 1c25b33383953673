//! The GPU: what there is, opening it, and what a build without the feature `cuda` says instead.

#[cfg(feature = "cuda")]
mod compile;
#[cfg(feature = "cuda")]
mod cuda;
#[cfg(feature = "cuda")]
mod kept;
#[cfg(feature = "cuda")]
mod pinned;
#[cfg(feature = "cuda")]
pub(crate) use cuda::{address, gemm, launch, upload};
#[cfg(feature = "cuda")]
pub use cuda::{devices, memory, open, visible};
#[cfg(feature = "cuda")]
pub use kept::keep_compiled_in;

#[cfg(not(feature = "cuda"))]
mod none;
#[cfg(not(feature = "cuda"))]
pub(crate) use none::{address, gemm, launch, upload};
#[cfg(not(feature = "cuda"))]
pub use none::{devices, keep_compiled_in, memory, open, visible};

/// A GPU that the driver knows of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpu {
    /// Its number, as in `cuda:0`.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// Bytes of memory.
    pub memory: usize,
    /// Compute capability, (9, 0) for Hopper.
    pub capability: (u32, u32),
    /// Streaming multiprocessors.
    pub multiprocessors: u32,
}

/// Bytes of a GPU's memory that tensors take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Now.
    pub used: u64,
    /// At most, since the device was opened.
    pub peak: u64,
}
