//! `sibert watch` on runs that are there, are not, and in a terminal that it gives back.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use std::fs::File;
use std::io::Read;
use std::os::fd::{FromRawFd, OwnedFd};
use std::process::{Child, Command, Stdio};

use support::{Folder, assert_has, refused, stdout};

/// What a terminal is told to change to a screen of its own, and back.
const ENTER: &str = "\u{1b}[?1049h";
const LEAVE: &str = "\u{1b}[?1049l";

/// Both ends of a terminal of 100 x 30 characters.
fn terminal() -> (File, OwnedFd) {
    let (mut ours, mut theirs) = (0, 0);
    let size = libc::winsize { ws_row: 30, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
    let none = std::ptr::null_mut();
    // SAFETY: both numbers are written, and name, settings and size may be absent or are only read.
    let opened = unsafe {
        libc::openpty(&mut ours, &mut theirs, none, std::ptr::null_mut(), (&raw const size).cast_mut())
    };
    assert_eq!(opened, 0);
    // SAFETY: openpty has just opened both, and nobody else owns them.
    unsafe { (File::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs)) }
}

/// Watches in a terminal; returns what it has shown until the text appears, and the terminal.
fn watching(folder: &Folder, until: &str) -> (Child, File, String) {
    let (mut ours, theirs) = terminal();
    let child = Command::new(env!("CARGO_BIN_EXE_sibert"))
        .args(["watch", "run"])
        .current_dir(folder.path("."))
        .env("TERM", "xterm")
        .stdin(Stdio::from(theirs.try_clone().unwrap()))
        .stdout(Stdio::from(theirs.try_clone().unwrap()))
        .stderr(Stdio::from(theirs))
        .spawn()
        .unwrap();
    let (mut shown, mut buffer) = (String::new(), [0; 4096]);
    while !shown.contains(until) {
        let length = ours.read(&mut buffer).unwrap();
        shown += &String::from_utf8_lossy(&buffer[..length]);
    }
    (child, ours, shown)
}

/// All that is shown from now on until the end; a terminal whose other end is closed gives an error.
fn rest(mut terminal: File) -> String {
    let (mut shown, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(length @ 1..) = terminal.read(&mut buffer) {
        shown.extend(&buffer[..length]);
    }
    String::from_utf8_lossy(&shown).into_owned()
}

#[test]
fn a_frame_in_a_pipe_has_the_last_numbers_and_no_escape_codes() {
    let folder = Folder::new();
    stdout(&folder.pretrain(&[]));
    let last = folder.text("run/metrics.jsonl");
    let loss = last.lines().rev().find_map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line.get("loss").and_then(serde_json::Value::as_f64)
    });
    for args in [&["watch", "run"][..], &["watch", "run", "--once", "--width", "120"]] {
        let frame = stdout(&folder.sibert(args));
        assert_has(&frame, "run  finished");
        assert_has(&frame, "step 6/6  100 %");
        assert_has(&frame, &format!("loss {:.3}", loss.unwrap()));
        assert!(!frame.contains('\u{1b}'), "{frame:?}");
    }
}

#[test]
fn a_frame_of_a_run_that_is_not_there_is_an_error() {
    let folder = Folder::new();
    assert_has(
        &refused(&folder.sibert(&["watch", "none", "--once"])),
        "none is not there: expected the folder of a run",
    );
}

#[test]
fn q_gives_the_terminal_back() {
    use std::io::Write;
    let folder = Folder::new();
    let (mut child, mut terminal, shown) = watching(&folder, "q quits");
    assert_has(&shown, ENTER);
    assert_has(&shown, "not there yet");
    terminal.write_all(b"q").unwrap();
    let shown = rest(terminal);
    assert!(child.wait().unwrap().success(), "{shown}");
    assert_has(&shown, LEAVE);
}

#[test]
fn a_signal_gives_the_terminal_back() {
    let folder = Folder::new();
    let (mut child, terminal, _) = watching(&folder, "q quits");
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let shown = rest(terminal);
    assert_eq!(child.wait().unwrap().code(), Some(128 + 15), "{shown}");
    assert_has(&shown, LEAVE);
}
