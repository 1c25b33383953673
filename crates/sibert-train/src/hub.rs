//! The hub that the environment names, with its notes and its progress on standard error.

use std::io::{IsTerminal, stderr};
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use indicatif::{DecimalBytes, ProgressBar, ProgressStyle};
use sibert_hub::{Event, Hub};

use crate::console::note;

/// Files of more bytes get a bar on a terminal.
const BAR_FROM: u64 = 1_000_000;

/// Opens the hub.
///
/// # Errors
/// If a variable of the environment cannot be understood.
pub fn open() -> Result<Hub> {
    let bar = Mutex::new(None);
    Hub::from_env(move |event| show(&mut bar.lock().unwrap_or_else(PoisonError::into_inner), event))
}

/// Shows an event: a line, or a bar that moves.
fn show(bar: &mut Option<ProgressBar>, event: Event<'_>) {
    match event {
        Event::Note(sentence) => note(sentence),
        Event::Downloading { name, size } => {
            let size = size.map_or(String::new(), |size| format!(" ({})", DecimalBytes(size)));
            note(format!("downloading {name}{size}"));
        }
        Event::Uploading { name, size } => note(format!("uploading {name} ({})", DecimalBytes(size))),
        Event::Transferred { done, size } => {
            if let Some(size) = size.filter(|&size| size > BAR_FROM && stderr().is_terminal()) {
                bar.get_or_insert_with(|| of_bytes(size, done)).set_position(done);
            }
        }
        Event::Ended => {
            if let Some(bar) = bar.take() {
                bar.finish_and_clear();
            }
        }
    }
}

/// A bar for a transfer that begins at byte `done`.
fn of_bytes(size: u64, done: u64) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{wide_bar} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta}",
    );
    let bar = ProgressBar::new(size).with_position(done);
    style.map_or(bar.clone(), |style| bar.with_style(style))
}
