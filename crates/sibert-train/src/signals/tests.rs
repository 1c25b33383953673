//! Signals sent to processes of their own.
#![allow(clippy::unwrap_used)]
use super::*;
use std::os::unix::process::{CommandExt, ExitStatusExt};
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
    let error = sibert_files::durable::text(path.as_ref(), &"x".repeat(10_000)).unwrap_err();
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

/// A command whose process is told of all signals, also where these tests run in the background of a script.
fn heeding(mut command: Command) -> Command {
    let heed = || {
        // SAFETY: no handler of ours is installed.
        [libc::SIGHUP, libc::SIGINT].into_iter().for_each(|signal| unsafe {
            libc::signal(signal, libc::SIG_DFL);
        });
        Ok(())
    };
    // SAFETY: it only sets signals, which is allowed between fork and exec.
    unsafe { command.pre_exec(heed) };
    command
}

/// Whether SIGINT and SIGTERM (bits 1 and 14) have handlers.
fn catches_signals(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:\t")).unwrap();
    u64::from_str_radix(mask, 16).unwrap() & 0x4002 == 0x4002
}

/// Exit code of a child that lingers after the first of the signals, sent at the given times.
fn code_of(signal: &str, linger: u64, times: &[u64]) -> i32 {
    let mut child = heeding(Command::new(std::env::current_exe().unwrap()))
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
    assert_eq!(code_of("-INT", 0, &[0]), 7);
    assert_eq!(code_of("-TERM", 200, &[0, 50]), 7);
}

#[test]
fn second_signal_ends_the_process_at_once() {
    assert_eq!(code_of("-INT", 60_000, &[0, 1200]), 130);
}

/// A process of its own that lets go of the signals again, and waits for its end.
#[test]
#[ignore = "run by the other tests of this file"]
fn released() {
    let Some(ready) = std::env::var_os("READY") else { return };
    drop(Stop::install().unwrap());
    std::fs::write(ready, "").unwrap();
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn a_signal_ends_the_process_where_there_is_nothing_to_save() {
    let dir = tempfile::tempdir().unwrap();
    let ready = dir.path().join("ready");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "signals::tests::released"])
        .env("READY", &ready)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while !ready.exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(15));
}

#[test]
fn a_signal_that_was_ignored_stays_ignored() {
    let script = "trap '' HUP; exec \"$0\" --ignored --exact signals::tests::child";
    let mut command = heeding(Command::new("sh"));
    command.args(["-c", script]).arg(std::env::current_exe().unwrap()).env("LINGER", "0");
    let mut child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    while !catches_signals(child.id()) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let send = |signal: &str| Command::new("kill").args([signal, &child.id().to_string()]).status();
    send("-HUP").unwrap();
    std::thread::sleep(Duration::from_millis(100));
    send("-INT").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(7));
    assert_eq!(FIRST.load(Ordering::Relaxed), 0);
}

#[test]
fn an_interrupted_run_has_a_code_of_its_own() {
    let error = anyhow::Error::from(Interrupted::BySignal(15));
    assert_eq!((exit_code(&error), exit_code(&anyhow::anyhow!("full"))), (Some(143), None));
    assert!(
        was_interrupted(ExitStatus::from_raw(143 << 8)) && !was_interrupted(ExitStatus::from_raw(1 << 8))
    );
}
