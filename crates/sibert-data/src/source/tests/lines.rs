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
        assert_eq!(next(&mut lines).unwrap(), Some(expected));
    }
    assert_eq!(next(&mut lines).unwrap(), None);
    assert_eq!(next(&mut lines).unwrap(), None);
}

/// The next line; a bad one is an error.
fn next(lines: &mut Lines) -> Result<Option<&str>> {
    lines.next(&mut LeftOut::new(false))
}

#[test]
fn a_return_alone_ends_a_line() {
    for (bytes, expected) in [
        (&b"one\rtwo\r\rthree\r"[..], &["one", "two", "", "three"][..]),
        (b"one\r\ntwo\r\r\nthree\n\rfour", &["one", "two", "three", "", "four"]),
        (b"\r\r\r", &["", "", ""]),
    ] {
        for size in 1..5 {
            let reader = std::io::BufReader::with_capacity(size, Cursor::new(bytes));
            let mut lines = Lines::new("a.txt".into(), Compression::None, Box::new(reader));
            for expected in expected {
                assert_eq!(next(&mut lines).unwrap(), Some(*expected), "{bytes:?} in pieces of {size}");
            }
            assert_eq!(next(&mut lines).unwrap(), None);
            assert_eq!((lines.number, lines.offset), (expected.len() as u64, bytes.len() as u64));
        }
    }
}

#[test]
fn lines_that_are_not_utf8_are_counted_where_they_are_skipped() {
    let mut lines = lines(b"one\n\xff\ntwo \xe9\nthree\n", 20);
    let mut left_out = LeftOut::new(true);
    assert_eq!(lines.next(&mut left_out).unwrap(), Some("one"));
    assert_eq!(lines.next(&mut left_out).unwrap(), Some("three"));
    assert_eq!(lines.place(), "a.txt:4");
    let first = left_out.note("a.txt").unwrap();
    let expected = "a.txt: 2 bad lines left out, the first: a.txt: byte offset 4: not UTF-8 (found 0xff)";
    assert!(first.starts_with(expected), "{first}");
}

#[test]
fn longer_lines_are_named() {
    let mut lines = lines(b"short\n1234567890\nshort\n", 9);
    next(&mut lines).unwrap();
    let message = next(&mut lines).unwrap_err().to_string();
    assert_eq!(message, "a.txt:2: the line is longer than 0 MiB: break it up, or leave it out");
    assert!(lines.line.capacity() < 100);
}

#[test]
fn real_limit_is_256_mib() {
    assert_eq!(LONGEST >> 20, 256);
}
