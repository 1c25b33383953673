//! Arguments of `sibert kernels`.

use std::path::PathBuf;

use clap::Args;

/// Where the kernels go.
#[derive(Args, Clone, Debug)]
pub struct KernelsArgs {
    /// Folder for one file of CUDA C a module, which any nvcc compiles by itself
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}
