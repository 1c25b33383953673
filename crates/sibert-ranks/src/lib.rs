//! Processes that train one model together, by data parallelism.
//!
//! - [`Communicator`]: the few verbs that a training step needs. [`Alone`] is one process, [`Threads`] are the threads of
//!   one process, `Mpi` (feature `mpi`) the processes that `mpirun` or `srun` started.
//! - [`Place`]: which of the processes this one is, as the launcher's environment has it, before any of them has spoken.
//! - [`shares`]: a batch is cut into shares, and their sums are taken along one fixed tree. A sum of floats depends on its
//!   order; along the tree it does not depend on which process has which shares.
//! - [`sum::same_bits`]: the sum of the gradients of all processes along that tree.
//! - [`in_bf16`]: the same with half the bytes, without that promise.
//! - `Nccl` (feature `nccl`): the same sums of numbers on GPUs, one for each process, without a way through the host.
//! - [`Watch`]: ends a process that waits for others that never answer.
//!
//! The crate prints nothing but the last words of [`Watch`].

mod alone;
mod communicator;
#[cfg(feature = "mpi")]
mod mpi;
#[cfg(feature = "nccl")]
mod nccl;
mod place;
mod rounded;
pub mod shares;
pub mod sum;
mod threads;
mod watch;

pub use alone::Alone;
pub use communicator::Communicator;
#[cfg(feature = "mpi")]
pub use mpi::Mpi;
#[cfg(feature = "nccl")]
pub use nccl::{Met, Nccl};
pub use place::{Launcher, Place};
pub use rounded::in_bf16;
pub use threads::Threads;
pub use watch::Watch;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
