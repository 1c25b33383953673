//! `sibert devices`: what can compute here, and why what could is missing.

use std::fmt;

use anyhow::Result;
use serde::Serialize;
use sibert_model::Bf16Route;

use crate::args::DevicesArgs;
use crate::console::result;
use crate::device::{self, DeviceName};
use crate::memory;

/// Our kernels use instructions that older GPUs do not have.
const LEAST_CAPABILITY: (u32, u32) = (8, 0);

/// Prints what there is; a missing GPU is no failure.
///
/// # Errors
/// If standard output is closed.
pub fn run(args: &DevicesArgs) -> Result<()> {
    let devices = Devices::found();
    result(if args.json { serde_json::to_string(&devices)? } else { devices.to_string() })
}

/// What there is; the keys of the JSON line.
#[derive(Debug, Serialize)]
pub struct Devices {
    cpu: Cpu,
    cuda: Family<Gpu>,
    nccl: Nccl,
    metal: Family<Metal>,
}

#[derive(Debug, Serialize)]
struct Cpu {
    device: String,
    cores: usize,
    /// That this process may use.
    threads: usize,
    memory_bytes: Option<u64>,
    instructions: Vec<&'static str>,
    /// The way of products in bfloat16, and why it is taken.
    bf16: String,
}

/// The devices of one kind.
#[derive(Debug, Serialize)]
struct Family<T> {
    /// Whether this program was built for them.
    built: bool,
    devices: Vec<T>,
    /// Why there are none.
    reason: Option<String>,
}

#[derive(Debug, Serialize)]
struct Gpu {
    device: String,
    name: String,
    memory_bytes: u64,
    compute_capability: String,
    multiprocessors: u32,
    /// Whether it is new enough for our kernels.
    supported: bool,
}

/// NCCL, which adds the gradients of several processes on their GPUs.
#[derive(Debug, Serialize)]
struct Nccl {
    /// Whether this program was built for it.
    built: bool,
    version: Option<String>,
    /// Why there is none.
    reason: Option<String>,
}

#[derive(Debug, Serialize)]
struct Metal {
    device: String,
}

impl Devices {
    /// Looks for them.
    pub fn found() -> Self {
        Self { cpu: Cpu::found(), cuda: cuda(), nccl: Nccl::found(), metal: metal() }
    }
}

impl Cpu {
    fn found() -> Self {
        Self {
            device: DeviceName::Cpu.to_string(),
            cores: num_cpus::get_physical(),
            threads: num_cpus::get(),
            memory_bytes: memory::machine_bytes(),
            instructions: instructions(),
            bf16: Bf16Route::choice().map_or_else(|error| error, |choice| choice.to_string()),
        }
    }
}

/// The instruction sets that our kernels for the processor look for.
#[cfg(target_arch = "x86_64")]
fn instructions() -> Vec<&'static str> {
    let sets = [
        ("AVX2", is_x86_feature_detected!("avx2")),
        ("FMA", is_x86_feature_detected!("fma")),
        ("AVX-512", is_x86_feature_detected!("avx512f")),
        ("AVX-512 BF16", is_x86_feature_detected!("avx512bf16")),
        ("AMX-BF16", Bf16Route::has_tiles()),
    ];
    sets.into_iter().filter_map(|(name, there)| there.then_some(name)).collect()
}

/// The instruction sets that our kernels for the processor look for.
#[cfg(target_arch = "aarch64")]
fn instructions() -> Vec<&'static str> {
    vec!["NEON"]
}

/// The instruction sets that our kernels for the processor look for.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn instructions() -> Vec<&'static str> {
    Vec::new()
}

fn cuda() -> Family<Gpu> {
    let (devices, reason) = match cukernel::devices() {
        Ok(gpus) if gpus.is_empty() => (vec![], Some("the driver found no GPU".to_string())),
        Ok(gpus) => (gpus.into_iter().map(Gpu::from).collect(), None),
        Err(error) => (vec![], Some(device::cuda_reason(&error.to_string()))),
    };
    Family { built: cfg!(feature = "cuda"), devices, reason }
}

impl Nccl {
    #[cfg(feature = "nccl")]
    fn found() -> Self {
        let (version, reason) = match sibert_ranks::Nccl::version() {
            Ok(version) => (Some(version), None),
            Err(error) => (None, Some(format!("{error:#}"))),
        };
        Self { built: true, version, reason }
    }

    #[cfg(not(feature = "nccl"))]
    fn found() -> Self {
        let reason = "this build has no NCCL: build with --features nccl";
        Self { built: false, version: None, reason: Some(reason.to_string()) }
    }
}

fn metal() -> Family<Metal> {
    let (devices, reason) = match DeviceName::Metal.open() {
        Ok(_) => (vec![Metal { device: DeviceName::Metal.to_string() }], None),
        Err(error) => (vec![], Some(format!("{error:#}"))),
    };
    Family { built: cfg!(feature = "metal"), devices, reason }
}

impl From<cukernel::Gpu> for Gpu {
    fn from(gpu: cukernel::Gpu) -> Self {
        let (major, minor) = gpu.capability;
        Self {
            device: DeviceName::Cuda(gpu.index).to_string(),
            name: gpu.name,
            memory_bytes: gpu.memory as u64,
            compute_capability: format!("{major}.{minor}"),
            multiprocessors: gpu.multiprocessors,
            supported: gpu.capability >= LEAST_CAPABILITY,
        }
    }
}

impl fmt::Display for Devices {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { cpu, cuda, nccl, metal } = self;
        let mut rows = vec![(cpu.device.clone(), cpu.to_string()), ("bf16".to_string(), cpu.bf16.clone())];
        rows.extend(cuda.devices.iter().map(|gpu| (gpu.device.clone(), gpu.to_string())));
        rows.extend(cuda.reason.iter().map(|reason| ("cuda".to_string(), format!("none: {reason}"))));
        let reason = nccl.reason.iter().filter(|_| nccl.built); // of no interest to a build without
        rows.extend(nccl.version.iter().map(|version| ("nccl".to_string(), version.clone())));
        rows.extend(reason.map(|reason| ("nccl".to_string(), format!("none: {reason}"))));
        rows.extend(metal.devices.iter().map(|gpu| (gpu.device.clone(), "Apple's GPU".to_string())));
        rows.extend(metal.reason.iter().map(|reason| ("metal".to_string(), format!("none: {reason}"))));
        let lines: Vec<String> = rows.iter().map(|(name, what)| format!("{name:<8} {what}")).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl fmt::Display for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} cores, {} threads", self.cores, self.threads)?;
        if let Some(bytes) = self.memory_bytes {
            write!(f, ", {}", gib(bytes))?;
        }
        self.instructions.iter().try_for_each(|set| write!(f, ", {set}"))
    }
}

impl fmt::Display for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { name, compute_capability, multiprocessors, .. } = self;
        let memory = gib(self.memory_bytes);
        write!(
            f,
            "{name}, {memory}, compute capability {compute_capability}, {multiprocessors} multiprocessors"
        )?;
        let (major, minor) = LEAST_CAPABILITY;
        if self.supported {
            Ok(())
        } else {
            write!(f, ": too old, expected at least {major}.{minor} (Ampere)")
        }
    }
}

fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / (1_u64 << 30) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpu(index: usize, name: &str, capability: (u32, u32)) -> Gpu {
        let name = name.to_string();
        Gpu::from(cukernel::Gpu { index, name, memory: 80 << 30, capability, multiprocessors: 132 })
    }

    #[test]
    fn table_has_a_line_for_every_gpu_and_says_which_is_too_old() {
        let cpu = Cpu {
            device: "cpu".to_string(),
            cores: 2,
            threads: 4,
            memory_bytes: Some(3 << 29),
            instructions: vec!["AVX2", "FMA"],
            bf16: "f32 products of rounded operands: it is old".to_string(),
        };
        let gpus = vec![gpu(0, "NVIDIA H100", (9, 0)), gpu(1, "Tesla V100", (7, 0))];
        let cuda = Family { built: true, devices: gpus, reason: None };
        let nccl = Nccl { built: true, version: Some("2.28.9".to_string()), reason: None };
        let metal = Family { built: false, devices: vec![], reason: Some("not built".to_string()) };
        assert_eq!(
            Devices { cpu, cuda, nccl, metal }.to_string(),
            "cpu      2 cores, 4 threads, 1.5 GiB, AVX2, FMA\n\
             bf16     f32 products of rounded operands: it is old\n\
             cuda:0   NVIDIA H100, 80.0 GiB, compute capability 9.0, 132 multiprocessors\n\
             cuda:1   Tesla V100, 80.0 GiB, compute capability 7.0, 132 multiprocessors: too old, expected at least \
             8.0 (Ampere)\n\
             nccl     2.28.9\n\
             metal    none: not built"
        );
    }

    #[test]
    fn json_of_a_gpu_keeps_its_keys() {
        assert_eq!(
            serde_json::to_value(gpu(1, "NVIDIA A100", (8, 0))).ok(),
            Some(serde_json::json!({
                "device": "cuda:1",
                "name": "NVIDIA A100",
                "memory_bytes": 80_u64 << 30,
                "compute_capability": "8.0",
                "multiprocessors": 132,
                "supported": true,
            }))
        );
    }
}
