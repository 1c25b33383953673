//! Modules as libraries of this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use candle_core::{Error, Result, bail};
use cukernel::Module;
use libloading::Library;

/// The words of CUDA in C++.
const EMULATOR: &str = include_str!("emulator.hpp");

/// Compiles a module, unless that was done before.
pub fn library(module: &Module) -> Result<Library> {
    let folder = Path::new(env!("OUT_DIR")).join("modules");
    std::fs::create_dir_all(&folder).map_err(Error::wrap)?;
    let text = format!(
        "#define EMULATED\n#line 1 \"emulator.hpp\"\n{EMULATOR}\n#line 1 \"prelude.cu\"\n{}",
        module.text()
    );
    let path = folder.join(format!("{}-{:016x}.so", module.name(), hash(&text)));
    if !path.exists() {
        compile(module, &text, &path)?;
    }
    // SAFETY: the library's initialisers register kernels in it, no more.
    unsafe { Library::new(&path) }.map_err(Error::wrap)
}

fn hash(text: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Writes beside the place and renames: two processes may compile the same module.
fn compile(module: &Module, text: &str, path: &Path) -> Result<()> {
    let beside = |end: &str| PathBuf::from(format!("{}.{}{end}", path.display(), std::process::id()));
    let (source, object) = (beside(".cpp"), beside(".tmp"));
    std::fs::write(&source, text).map_err(Error::wrap)?;
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_string());
    let output = Command::new(&compiler)
        .args(["-std=c++17", "-O2", "-fPIC", "-shared", "-ffp-contract=off", "-fno-strict-aliasing"])
        .args(["-Wall", "-Wno-unused", "-Wno-unknown-pragmas", "-o"])
        .arg(&object)
        .arg(&source)
        .output()
        .map_err(|error| {
            Error::Msg(format!(
                "the emulator needs a C++ compiler: cannot start `{compiler}` (set CXX): {error}"
            ))
        })?;
    if !output.status.success() {
        bail!(
            "{}.cu does not compile for the emulator:\n{}",
            module.name(),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    std::fs::rename(&object, path).map_err(Error::wrap)?;
    std::fs::remove_file(&source).map_err(Error::wrap)
}
