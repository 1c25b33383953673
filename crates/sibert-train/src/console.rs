//! Lines for people: notes on standard error, results on standard output.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};

/// Whether this process leaves speaking to another.
static SILENT: AtomicBool = AtomicBool::new(false);

/// From here on [`note`] and [`result`] print nothing: another process of the same run says it.
pub fn say_nothing() {
    SILENT.store(true, Ordering::Relaxed);
}

/// Whether this process leaves speaking to another.
pub fn is_silent() -> bool {
    SILENT.load(Ordering::Relaxed)
}

/// Prints a line on standard error; training goes on if nobody is there to read it.
pub fn note(line: impl Display) {
    if !is_silent() {
        last_words(line);
    }
}

/// The same, also of a process that leaves speaking to another: it ends all of them.
pub fn last_words(line: impl Display) {
    let _ = writeln!(io::stderr(), "{}", harmless(line));
}

/// The same, but each line once: what is found again at every checkpoint need not be said again.
pub fn note_once(line: String) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if SAID.lock().unwrap_or_else(PoisonError::into_inner).insert(line.clone()) {
        note(line);
    }
}

/// Prints a line on standard output.
///
/// # Errors
/// If standard output is closed or full.
pub fn result(line: impl Display) -> Result<()> {
    if is_silent() {
        return Ok(());
    }
    writeln!(io::stdout(), "{}", harmless(line)).context("cannot write to standard output")
}

/// A text without control characters, which a terminal would obey; ends of lines and tabs stay.
fn harmless(text: impl Display) -> String {
    let text = text.to_string();
    let obeyed = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    if !text.contains(obeyed) {
        return text;
    }
    let escaped =
        |letter: char| if obeyed(letter) { letter.escape_debug().to_string() } else { letter.into() };
    text.chars().map(escaped).collect()
}

/// Whether the reader of standard output went away, as `head` does once it has seen enough.
pub fn reader_left(error: &anyhow::Error) -> bool {
    let broken = |cause: &io::Error| cause.kind() == io::ErrorKind::BrokenPipe;
    error.chain().filter_map(|cause| cause.downcast_ref()).any(broken)
}

/// An error's message without the backtrace that candle writes into it when `RUST_BACKTRACE` is set.
pub fn without_backtrace(message: &str) -> String {
    message.split("\n   0: ").next().unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_get_nothing_to_obey() {
        assert_eq!(harmless("a\tb\nc \u{1b}[31mé\r\u{9b}\0"), "a\tb\nc \\u{1b}[31mé\\r\\u{9b}\\0");
        assert_eq!(harmless("plain \"text\""), "plain \"text\"");
    }
}
