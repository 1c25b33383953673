//! `sibert kernels`: the text of every CUDA kernel, as the program compiles it.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::args::KernelsArgs;
use crate::console::result;

/// Writes a file for each module.
///
/// # Errors
/// If the folder cannot be written.
pub fn run(args: &KernelsArgs) -> Result<()> {
    std::fs::create_dir_all(&args.out).with_context(|| format!("cannot make {}", args.out.display()))?;
    let modules = sibert_model::ops::modules()?;
    for module in modules.iter().chain([&sisgd::KERNELS]) {
        let path: PathBuf = args.out.join(format!("{}.cu", module.name()));
        std::fs::write(&path, module.text()).with_context(|| format!("cannot write {}", path.display()))?;
        result(path.display())?;
    }
    Ok(())
}
