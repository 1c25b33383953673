//! Lines and documents that are too long, with a small limit in place of the real one.

#![allow(clippy::unwrap_used)]

use std::io::Cursor;

use super::*;

/// The lines of `bytes`, of at most `longest` bytes.
pub(in super::super) fn lines(bytes: &'static [u8], longest: usize) -> Lines {
    let lines = Lines::new("a.txt".into(), Compression::None, Box::new(Cursor::new(bytes)));
    Lines { longest, ..lines }
}

#[test]
fn lines_up_to_the_limit_are_read() {
    let mut lines = lines(b"12345678\n1234567\r\n\nlast", 9);
    for expected in ["12345678", "1234567", "", "last"] {
        assert_eq!(lines.next().unwrap(), Some(expected));
    }
    assert_eq!(lines.next().unwrap(), None);
    assert_eq!(lines.next().unwrap(), None);
}

#[test]
fn longer_lines_are_named() {
    let mut lines = lines(b"short\n1234567890\nshort\n", 9);
    lines.next().unwrap();
    let message = lines.next().unwrap_err().to_string();
    assert_eq!(message, "a.txt:2: the line is longer than 0 MiB: break it up, or leave it out");
    assert!(lines.line.capacity() < 100);
}

#[test]
fn real_limit_is_256_mib() {
    assert_eq!(LONGEST >> 20, 256);
}
