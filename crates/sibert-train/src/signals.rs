//! SIGINT and SIGTERM: finish the step, save, leave. SIGXFSZ: report it as an error of the write.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::console::note;

/// Signals closer than this are one request: `timeout` and batch systems signal the process and its group.
const SAME_REQUEST: Duration = Duration::from_secs(1);

static FIRST: OnceLock<Instant> = OnceLock::new();

/// Set by SIGINT, SIGTERM or SIGHUP; a second signal ends the process at once with code 130.
#[derive(Clone, Copy, Debug)]
pub struct Stop(());

impl Stop {
    /// Catches the signals from here on; call it once.
    ///
    /// # Errors
    /// If the handler cannot be installed, or was installed before.
    pub fn install() -> Result<Self> {
        ctrlc::set_handler(handle).context("cannot catch SIGINT and SIGTERM")?;
        Ok(Self(()))
    }

    /// Whether the run should save and end after this step.
    pub fn requested(&self) -> bool {
        FIRST.get().is_some()
    }
}

fn handle() {
    let first = FIRST.get_or_init(|| {
        note("stopping after this step; press Ctrl-C again to stop at once, without saving");
        Instant::now()
    });
    if first.elapsed() > SAME_REQUEST {
        std::process::exit(130);
    }
}

/// Lets a write beyond the limit of file sizes (`ulimit -f`) fail, where it would end the process without a word.
#[cfg(unix)]
pub fn ignore_file_size_signal() {
    // SAFETY: no handler of ours is installed; the signal is ignored from here on, by every thread.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// Other systems have no such signal.
#[cfg(not(unix))]
pub fn ignore_file_size_signal() {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::process::Command;

    /// A process of its own for the tests below: waits for a signal, then for `LINGER` milliseconds.
    #[test]
    #[ignore = "run by the other tests of this file"]
    fn child() {
        let Ok(linger) = std::env::var("LINGER") else { return };
        let stop = Stop::install().unwrap();
        while !stop.requested() {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(linger.parse().unwrap()));
        std::process::exit(7);
    }

    /// A process of its own that writes a file too large for its limit.
    #[test]
    #[ignore = "run by the other tests of this file"]
    fn large_file() {
        let Some(path) = std::env::var_os("LARGE_FILE") else { return };
        ignore_file_size_signal();
        let error = crate::durable::text(path.as_ref(), &"x".repeat(10_000)).unwrap_err();
        std::fs::write(path, format!("{error:#}")).unwrap();
        std::process::exit(7);
    }

    #[test]
    fn a_file_above_the_limit_is_an_error_that_names_the_limit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let script = "ulimit -f 4; exec \"$0\" --ignored --exact signals::tests::large_file";
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(std::env::current_exe().unwrap()).env("LARGE_FILE", &path);
        assert_eq!(command.output().unwrap().status.code(), Some(7));
        let error = std::fs::read_to_string(&path).unwrap();
        assert!(error.contains("file: it is larger than the limit of file sizes (ulimit -f)"), "{error}");
    }

    /// Whether SIGINT and SIGTERM (bits 1 and 14) have handlers.
    fn catches_signals(pid: u32) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:\t")).unwrap();
        u64::from_str_radix(mask, 16).unwrap() & 0x4002 == 0x4002
    }

    /// Exit code of a child that lingers after the first of the signals, sent at the given times.
    fn exit_code(signal: &str, linger: u64, times: &[u64]) -> i32 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "signals::tests::child"])
            .env("LINGER", linger.to_string())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        while !catches_signals(child.id()) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut now = 0;
        for time in times {
            std::thread::sleep(Duration::from_millis(time - now));
            now = *time;
            Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        }
        child.wait().unwrap().code().unwrap()
    }

    #[test]
    fn first_signal_lets_the_step_finish() {
        assert_eq!(exit_code("-INT", 0, &[0]), 7);
        assert_eq!(exit_code("-TERM", 200, &[0, 50]), 7);
    }

    #[test]
    fn second_signal_ends_the_process_at_once() {
        assert_eq!(exit_code("-INT", 60_000, &[0, 1200]), 130);
    }
}
