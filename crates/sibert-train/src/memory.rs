//! How much memory the process has needed, on its processor or its GPU, and how much the machine has.

mod fit;
mod forecast;
mod room;

use anyhow::{Context, Result, bail};
use candle_core::Device;
use sibert_model::ModelConfig;

pub use fit::{ensure_fits, remedy};
pub use forecast::{Before, Forecast};
pub use room::Room;

/// The most that tensors took of a GPU's memory so far, in bytes, or the largest resident memory of the process; `None`
/// where the system does not tell.
pub fn peak_of(device: &Device) -> Option<u64> {
    match cukernel::memory(device) {
        Ok(Some(of_gpu)) => Some(of_gpu.peak),
        Ok(None) => peak_bytes(),
        Err(_) => None,
    }
}

/// What a process holds beside large buffers: stacks, the vocabulary, the lists of the text.
const SMALL: f64 = (16 << 20) as f64;

/// The memory before a model trains on a device: the process's on the CPU, else nothing.
pub fn before_training(device: &Device) -> Before {
    let known = |bytes: Option<u64>| if device.is_cpu() { bytes.unwrap_or(0) as f64 } else { 0. };
    let buffers = (known(own_bytes()) - SMALL).max(0.);
    Before { resident: known(resident_bytes()), peak: known(peak_bytes()), buffers }
}

/// The largest resident memory of this process so far, in bytes; `None` where the system does not tell.
#[cfg(target_os = "linux")]
pub fn peak_bytes() -> Option<u64> {
    of_process("VmHWM:")
}

/// The resident memory of this process, in bytes; `None` where the system does not tell.
#[cfg(target_os = "linux")]
pub fn resident_bytes() -> Option<u64> {
    of_process("VmRSS:")
}

/// The part of it that is no file's.
#[cfg(target_os = "linux")]
fn own_bytes() -> Option<u64> {
    of_process("RssAnon:")
}

#[cfg(target_os = "linux")]
fn of_process(key: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    Some(line.trim().strip_suffix("kB")?.trim_end().parse::<u64>().ok()? * 1024)
}

/// The part of it that is no file's; `None` where the system does not tell.
#[cfg(not(target_os = "linux"))]
fn own_bytes() -> Option<u64> {
    None
}

/// The resident memory of this process, in bytes; `None` where the system does not tell.
#[cfg(not(target_os = "linux"))]
pub fn resident_bytes() -> Option<u64> {
    peak_bytes()
}

/// The largest resident memory of this process so far, in bytes; `None` where the system does not tell.
#[cfg(all(unix, not(target_os = "linux")))]
pub fn peak_bytes() -> Option<u64> {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: getrusage fills the whole structure when it returns 0, and writes nowhere else.
    let usage = unsafe {
        (libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) == 0).then(|| usage.assume_init())
    }?;
    let unit = if cfg!(target_vendor = "apple") { 1 } else { 1024 };
    Some(u64::try_from(usage.ru_maxrss).ok()? * unit)
}

/// The largest resident memory of this process so far, in bytes; `None` where the system does not tell.
#[cfg(not(unix))]
pub fn peak_bytes() -> Option<u64> {
    None
}

/// The memory of this machine, in bytes; `None` where the system does not tell.
#[cfg(unix)]
pub fn machine_bytes() -> Option<u64> {
    // SAFETY: sysconf only reads, and takes any number.
    let [pages, size] = [libc::_SC_PHYS_PAGES, libc::_SC_PAGESIZE].map(|name| unsafe { libc::sysconf(name) });
    u64::try_from(pages).ok()?.checked_mul(u64::try_from(size).ok()?)
}

/// The memory of this machine, in bytes; `None` where the system does not tell.
#[cfg(not(unix))]
pub fn machine_bytes() -> Option<u64> {
    None
}

/// `512 KiB`, `3.2 MiB`, `120 MiB`, `1.50 GiB`.
pub fn size(bytes: f64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let (mut size, mut unit) = (bytes / 1024., 0);
    while size >= 999.5 && unit + 1 < UNITS.len() {
        (size, unit) = (size / 1024., unit + 1);
    }
    let decimals = if size < 9.995 { 2 } else { usize::from(size < 99.95) };
    format!("{size:.decimals$} {}", UNITS[unit])
}

/// Refuses a model whose parameters this machine cannot hold, `copies` times in f32.
///
/// # Errors
/// Names the number of parameters, what they take and what there is.
pub fn ensure_room(config: &ModelConfig, copies: u64, room: Option<u64>) -> Result<()> {
    let parameters =
        config.least_parameters().context("the model has more parameters than can be counted")?;
    let bytes = parameters.saturating_mul(4).saturating_mul(copies);
    let Some(room) = room.filter(|&room| bytes > room) else { return Ok(()) };
    let gib = |bytes: u64| bytes as f64 / (1_u64 << 30) as f64;
    bail!(
        "the model has at least {parameters} parameters, which take {:.1} GiB, and this machine has {:.1} GiB: look at \
         vocab_size {}, hidden_size {}, intermediate_size {}, num_hidden_layers {}, max_position_embeddings {}",
        gib(bytes),
        gib(room),
        config.vocab_size,
        config.hidden_size,
        config.intermediate_size,
        config.num_hidden_layers,
        config.max_position_embeddings
    )
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn peak_grows_with_what_is_touched() {
        let before = peak_bytes().unwrap();
        let touched = std::hint::black_box(vec![1u8; 2 * before as usize]);
        assert!(peak_bytes().unwrap() as usize > touched.len());
    }

    #[test]
    fn sizes_have_three_digits() {
        let sizes = [512., 3.21 * 1024., 120.4 * 1024., 1.5 * 1024. * 1024., 2e6 * 1024.];
        assert_eq!(
            sizes.map(|kib| size(kib * 1024.)),
            ["512 KiB", "3.21 MiB", "120 MiB", "1.50 GiB", "1.91 TiB"]
        );
    }

    #[test]
    fn the_machine_has_more_memory_than_this_process_needs() {
        assert!(machine_bytes().unwrap() > peak_bytes().unwrap());
    }

    #[test]
    fn a_model_larger_than_the_machine_is_refused_with_its_sizes() {
        use sibert_model::ModelType;
        let base = ModelConfig::preset(ModelType::Bert, "base").unwrap();
        ensure_room(&base, 2, Some(1 << 30)).unwrap();
        ensure_room(&base, 2, None).unwrap();
        let huge = ModelConfig { vocab_size: 2_147_483_648, ..base.clone() };
        let error = ensure_room(&huge, 2, Some(1 << 34)).unwrap_err().to_string();
        assert!(
            error.contains("GiB, and this machine has 16.0 GiB: look at vocab_size 2147483648"),
            "{error}"
        );
        let endless = ModelConfig { num_hidden_layers: usize::MAX, ..base };
        assert!(ensure_room(&endless, 1, None).unwrap_err().to_string().contains("than can be counted"));
    }
}
