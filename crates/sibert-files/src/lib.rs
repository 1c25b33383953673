//! Files that are whole or not there, and that are what they were when they were written.
//!
//! - [`durable`]: files hashed as they are written, flushed to the disk and only then renamed; tensors too.
//! - [`sealed`]: JSON that carries its own digest.
//! - [`bounded`]: small files, read whole and never beyond a limit.
//! - [`FolderLock`]: one writer a folder.
//!
//! The crate prints nothing; every error names the file and what to do.

pub mod bounded;
pub mod durable;
mod lock;
pub mod sealed;

pub use lock::FolderLock;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
