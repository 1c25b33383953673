//! Modules as PTX for the GPU that is there: compiled by nvrtc at their first use, and kept.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::nvrtc::{CompileError, CompileOptions, compile_ptx_with_opts, sys};
use candle_core::{CudaDevice, Error, Result, bail};

use super::kept;
use crate::Module;

/// Calls `load` with the key and the PTX of a module; once more with a fresh one if it does not load what a file held.
pub fn with_ptx<R>(cuda: &CudaDevice, module: &Module, load: impl Fn(&str, &str) -> Result<R>) -> Result<R> {
    static COMPILED: LazyLock<Mutex<HashMap<String, String>>> = LazyLock::new(Mutex::default);
    let mut modules = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let arch = architecture(cuda)?;
    let (key, name) = (module.key(), format!("{}-{arch}-{}", module.key(), nvrtc_version()));
    if let Some(ptx) = modules.get(&name) {
        return load(&key, ptx);
    }
    if let Some(ptx) = kept::read(&name)
        && let Ok(loaded) = load(&key, &ptx)
    {
        modules.insert(name, ptx);
        return Ok(loaded);
    }
    let ptx = compiled(module, &arch)?;
    kept::write(&name, &ptx);
    let loaded = load(&key, &ptx);
    modules.insert(name, ptx);
    loaded
}

/// The name of the GPU's generation, as in `compute_90`.
fn architecture(cuda: &CudaDevice) -> Result<String> {
    let (major, minor) = cuda.cuda_stream().context().compute_capability().w()?;
    if major < 8 {
        bail!("the GPU has compute capability {major}.{minor}, expected at least 8.0 (Ampere)");
    }
    Ok(format!("compute_{major}{minor}"))
}

/// As in `13.0`.
fn nvrtc_version() -> String {
    let (mut major, mut minor) = (0, 0);
    // SAFETY: two numbers are written; where there is no nvrtc they stay as they are.
    let _ = unsafe { sys::nvrtcVersion(&mut major, &mut minor) };
    format!("{major}.{minor}")
}

fn compiled(module: &Module, arch: &str) -> Result<String> {
    let options = CompileOptions {
        options: vec![format!("--gpu-architecture={arch}"), "--std=c++17".to_string()],
        name: Some(format!("{}.cu", module.name())),
        ..CompileOptions::default()
    };
    let ptx = compile_ptx_with_opts(module.text(), options).map_err(|error| {
        let log = match &error {
            CompileError::CompileError { log, .. } => log.to_string_lossy().into_owned(),
            error => error.to_string(),
        };
        Error::Msg(format!("the kernels of {} do not compile for {arch}: {log}", module.name()))
    })?;
    Ok(ptx.to_src())
}
