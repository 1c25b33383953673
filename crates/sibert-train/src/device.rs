//! Names of compute devices, and the one place that opens them.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, Result, anyhow, bail};
use candle_core::Device;
use serde::{Deserialize, Serialize};

use crate::console::without_backtrace;

/// A device as the user writes it: `cpu`, `cuda`, `cuda:1` or `metal`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DeviceName {
    /// The processor; the only device of a build without features.
    #[default]
    Cpu,
    /// The NVIDIA GPU of this index.
    Cuda(usize),
    /// Apple's GPU.
    Metal,
}

impl DeviceName {
    /// The device of a process that is the `local_rank`-th of its host: of GPUs, each takes one, unless one is named.
    ///
    /// A process that sees a single GPU takes that: launchers such as Slurm show each process its own as `cuda:0`.
    pub fn of_rank(self, local_rank: usize) -> Self {
        self.among(cukernel::visible(), local_rank)
    }

    fn among(self, visible: usize, local_rank: usize) -> Self {
        match self {
            Self::Cuda(0) if visible != 1 => Self::Cuda(local_rank),
            device => device,
        }
    }

    /// Opens the device.
    ///
    /// # Errors
    /// If this build has no support for it (the message names the cargo feature), or the driver refuses.
    pub fn open(self) -> Result<Device> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Cuda(_) if cfg!(not(feature = "cuda")) => bail!(not_built("CUDA", "cuda")),
            Self::Metal if cfg!(not(feature = "metal")) => bail!(not_built("Metal", "metal")),
            Self::Cuda(index) => {
                if let Some(folder) = cache() {
                    cukernel::keep_compiled_in(folder);
                }
                cukernel::open(index).map_err(|error| {
                    anyhow!("device {self}: {}; use --device cpu", cuda_reason(&error.to_string()))
                })
            }
            Self::Metal => Device::new_metal(0).with_context(|| format!("cannot open device {self}")),
        }
    }
}

/// Where compiled kernels are kept: `sibert/kernels` in `XDG_CACHE_HOME`, or in `.cache` of the home folder.
fn cache() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let caches = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))?;
    Some(caches.join("sibert/kernels"))
}

/// Why CUDA does not work, in words and on one line, from candle's error.
pub fn cuda_reason(error: &str) -> String {
    const LIBRARIES: &str = "libcublas, libcurand and libnvrtc must be where LD_LIBRARY_PATH says";
    let error = without_backtrace(error);
    let code = error.split(|c: char| !c.is_ascii_uppercase() && c != '_').find(|word| word.len() > 8);
    let said = match code {
        Some("CUDA_ERROR_NO_DEVICE") if driver_is_installed() => "the NVIDIA driver found no GPU",
        Some("CUDA_ERROR_NO_DEVICE") => "no NVIDIA GPU or driver was found",
        Some("CUDA_ERROR_INVALID_DEVICE") => "there is no GPU with this number; `sibert devices` lists them",
        Some("CUDA_ERROR_OUT_OF_MEMORY") => "the GPU has no memory left",
        Some("CUDA_ERROR_INSUFFICIENT_DRIVER" | "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH") => {
            "the driver is older than CUDA 13, or does not fit its kernel module"
        }
        Some("CUBLAS_STATUS_NOT_INITIALIZED" | "CURAND_STATUS_NOT_INITIALIZED") => LIBRARIES,
        _ => return error.lines().collect::<Vec<_>>().join(" "),
    };
    format!("{said} ({})", code.unwrap_or_default())
}

/// Whether NVIDIA's driver can be loaded, be there a GPU or not.
#[cfg(unix)]
fn driver_is_installed() -> bool {
    // SAFETY: the name ends with a zero byte; what the library does when it is loaded is NVIDIA's, and CUDA's own start.
    unsafe { !libc::dlopen(c"libcuda.so.1".as_ptr(), libc::RTLD_LAZY).is_null() }
}

/// Whether NVIDIA's driver can be loaded; unknown here.
#[cfg(not(unix))]
fn driver_is_installed() -> bool {
    false
}

fn not_built(what: &str, feature: &str) -> String {
    format!("this build has no {what} support: build with --features {feature}")
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
            Self::Metal => f.write_str("metal"),
        }
    }
}

impl FromStr for DeviceName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let unknown = || format!("unknown device {name:?}, expected cpu, cuda, cuda:N or metal");
        match name.split_once(':') {
            None if name == "cpu" => Ok(Self::Cpu),
            None if name == "cuda" => Ok(Self::Cuda(0)),
            None if name == "metal" => Ok(Self::Metal),
            Some(("cuda", index)) => index.parse().map(Self::Cuda).map_err(|_| unknown()),
            _ => Err(unknown()),
        }
    }
}

impl TryFrom<String> for DeviceName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

impl From<DeviceName> for String {
    fn from(name: DeviceName) -> String {
        name.to_string()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn device_names_survive_a_round_trip() {
        for name in ["cpu", "cuda:0", "cuda:3", "metal"] {
            assert_eq!(name.parse::<DeviceName>().unwrap().to_string(), name);
        }
        assert_eq!("cuda".parse(), Ok(DeviceName::Cuda(0)));
    }

    #[test]
    fn each_process_of_a_host_takes_its_own_gpu_also_if_it_is_shown_no_other() {
        let of = |device: DeviceName, visible, local_rank| device.among(visible, local_rank).to_string();
        assert_eq!([0, 3].map(|rank| of(DeviceName::Cuda(0), 4, rank)), ["cuda:0", "cuda:3"]);
        assert_eq!([0, 3].map(|rank| of(DeviceName::Cuda(0), 1, rank)), ["cuda:0", "cuda:0"]);
        assert_eq!([1, 4].map(|visible| of(DeviceName::Cuda(2), visible, 1)), ["cuda:2", "cuda:2"]);
        assert_eq!(of(DeviceName::Cpu, 0, 1), "cpu");
    }

    #[test]
    fn unknown_device_is_refused_with_the_choices() {
        for name in ["gpu", "cuda:x", "cuda:-1", "cpu:0", ""] {
            let error = name.parse::<DeviceName>().unwrap_err();
            assert_eq!(error, format!("unknown device {name:?}, expected cpu, cuda, cuda:N or metal"));
        }
    }

    #[test]
    fn errors_of_the_driver_are_told_in_words_on_one_line() {
        let unknown = "DriverError(CUDA_ERROR_NO_DEVICE, \"<Failure when calling cuGetErrorString()>\")";
        let reasons = ["no NVIDIA GPU or driver was found", "the NVIDIA driver found no GPU"]
            .map(|reason| format!("{reason} (CUDA_ERROR_NO_DEVICE)"));
        assert!(reasons.contains(&cuda_reason(unknown)), "{}", cuda_reason(unknown));
        assert_eq!(cuda_reason(&format!("{unknown}\n   0: std::backtrace")), cuda_reason(unknown));
        let libraries = cuda_reason("CublasError(CUBLAS_STATUS_NOT_INITIALIZED)");
        assert!(libraries.starts_with("libcublas, libcurand and libnvrtc must be"), "{libraries}");
        assert_eq!(cuda_reason("something\nelse"), "something else");
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn device_that_is_not_built_names_its_feature() {
        let error = DeviceName::Cuda(0).open().unwrap_err();
        assert_eq!(error.to_string(), "this build has no CUDA support: build with --features cuda");
    }
}
