//! Arguments of `sibert kernels`.

use std::path::PathBuf;

use clap::Args;

/// Where the kernels go.
#[derive(Args, Clone, Debug)]
pub struct KernelsArgs {
    /// Folder for the kernels: one CUDA file per module, which nvcc compiles on its own
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}
