//! The memory that a process may take: the machine's, and its control group's if that is less.

use std::fs;
use std::path::Path;

/// A control group without a limit says so by a number near the largest.
const NO_LIMIT: u64 = 1 << 60;

/// Bytes; none where the system does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Room {
    /// The machine's memory.
    pub machine: Option<u64>,
    /// The limit of the process's control group, as containers and batch systems set it.
    pub group: Option<u64>,
    /// What is free, or kept by the system only as long as nobody needs it.
    pub available: Option<u64>,
}

impl Room {
    /// The room of this process.
    pub fn here() -> Self {
        Self {
            machine: super::machine_bytes(),
            group: group_limit(Path::new("/")),
            available: available(Path::new("/")),
        }
    }

    /// The part of each of so many processes of a run that share this machine.
    pub fn shared_by(self, processes: usize) -> Self {
        let part = |bytes: Option<u64>| bytes.map(|bytes| bytes / processes.max(1) as u64);
        Self { machine: part(self.machine), group: part(self.group), available: part(self.available) }
    }

    /// The most that the process can have.
    pub fn most(&self) -> Option<u64> {
        self.machine.into_iter().chain(self.group).min()
    }
}

fn available(root: &Path) -> Option<u64> {
    let text = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.trim().strip_suffix("kB")?.trim_end().parse::<u64>().ok()? * 1024)
}

/// The tightest limit from the process's group up to the root, of either version of control groups.
fn group_limit(root: &Path) -> Option<u64> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let limits = groups.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, group) = (fields.next()?, fields.next()?, fields.next()?);
        let (folder, file) = match controllers {
            "" => ("sys/fs/cgroup", "memory.max"),
            all if all.split(',').any(|one| one == "memory") => {
                ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => return None,
        };
        let group = Path::new(group.trim_start_matches('/'));
        let limit = |at: &Path| {
            let text = fs::read_to_string(root.join(folder).join(at).join(file)).ok()?;
            text.trim().parse::<u64>().ok().filter(|&bytes| bytes < NO_LIMIT) // `max` is none
        };
        group.ancestors().filter_map(limit).min()
    });
    limits.min()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn processes_of_a_machine_share_its_room() {
        let room = Room { machine: Some(64), group: None, available: Some(40) };
        assert_eq!(room.shared_by(4), Room { machine: Some(16), group: None, available: Some(10) });
        assert_eq!(room.shared_by(1), room);
    }

    #[test]
    fn the_tightest_group_on_the_way_to_the_root_is_the_limit() {
        let second = root(&[
            ("proc/self/cgroup", "0::/batch/job\n"),
            ("sys/fs/cgroup/batch/memory.max", "2000\n"),
            ("sys/fs/cgroup/batch/job/memory.max", "max\n"),
        ]);
        assert_eq!(group_limit(second.path()), Some(2000));
        let first = root(&[
            ("proc/self/cgroup", "5:cpu:/x\n4:hugetlb,memory:/job\n0::/\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "3000\n"),
        ]);
        assert_eq!(group_limit(first.path()), Some(3000));
        assert_eq!(group_limit(root(&[("proc/self/cgroup", "0::/\n")]).path()), None);
        assert_eq!(Room { machine: Some(5000), group: Some(3000), available: None }.most(), Some(3000));
    }

    #[test]
    fn available_memory_is_read_in_kibibytes() {
        let root = root(&[("proc/meminfo", "MemTotal:  9 kB\nMemAvailable:     12 kB\n")]);
        assert_eq!(available(root.path()), Some(12 << 10));
    }
}
