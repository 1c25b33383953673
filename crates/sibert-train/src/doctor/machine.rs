//! What this machine has.

use std::path::Path;

use crate::device::DeviceName;
use crate::devices::Devices;
use crate::memory::{Room, size};

/// Lines about processor, memory, disk and GPUs.
pub fn lines(room: Room, out: &Path) -> Vec<String> {
    let mut lines = vec![Devices::found().to_string()];
    lines.push(row("memory", memory(room)));
    lines.extend(
        free_bytes(out).map(|free| row("disk", format!("{} free at {}", size(free as f64), out.display()))),
    );
    lines.extend(advice().map(|words| row("note", words)));
    lines
}

/// `name      what`, as `sibert devices` has it.
pub fn row(name: &str, what: impl std::fmt::Display) -> String {
    format!("{name:<8} {what}")
}

fn memory(room: Room) -> String {
    let Room { machine, group, available } = room;
    let shown = |bytes: Option<u64>| bytes.map_or("unknown".into(), |bytes| size(bytes as f64));
    let limit = match group.filter(|&group| machine.is_none_or(|machine| group < machine)) {
        Some(limit) => format!(", of which this process may have {}", size(limit as f64)),
        None => String::new(),
    };
    format!("{}{limit}; {} available", shown(machine), shown(available))
}

/// What would make this machine faster.
fn advice() -> Option<&'static str> {
    #[cfg(target_arch = "x86_64")]
    if !is_x86_feature_detected!("avx2") {
        return Some("without AVX2 the kernels run as portable code, several times slower");
    }
    None
}

/// Whether a device is the processor.
pub fn is_cpu(device: DeviceName) -> bool {
    device == DeviceName::Cpu
}

/// Bytes that an ordinary user may still write to the file system of a folder, or of the nearest one above it that is there.
#[cfg(unix)]
pub fn free_bytes(folder: &Path) -> Option<u64> {
    use std::os::unix::ffi::OsStrExt;
    let full = std::path::absolute(folder).ok()?;
    let there = full.ancestors().find(|folder| folder.exists())?;
    let path = std::ffi::CString::new(there.as_os_str().as_bytes()).ok()?;
    let mut found = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: the path ends with a zero; statvfs fills the whole structure when it returns 0, and writes nowhere else.
    let found =
        unsafe { (libc::statvfs(path.as_ptr(), found.as_mut_ptr()) == 0).then(|| found.assume_init()) }?;
    #[allow(clippy::unnecessary_cast)] // the types differ from system to system
    (found.f_bavail as u64).checked_mul(found.f_frsize as u64)
}

/// Bytes that an ordinary user may still write to the file system of a folder; unknown here.
#[cfg(not(unix))]
pub fn free_bytes(_folder: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_below_the_machine_is_named() {
        let gib = |n: u64| Some(n << 30);
        let free = Room { machine: gib(16), group: None, available: gib(10) };
        assert_eq!(memory(free), "16.0 GiB; 10.0 GiB available");
        let limited = Room { group: gib(4), ..free };
        assert_eq!(memory(limited), "16.0 GiB, of which this process may have 4.00 GiB; 10.0 GiB available");
    }

    #[cfg(unix)]
    #[test]
    fn the_disk_of_a_folder_that_is_not_there_is_that_of_the_one_above() {
        let dir = tempfile::tempdir().unwrap();
        assert!(free_bytes(&dir.path().join("none/of/these")).unwrap() > 0);
    }
}
