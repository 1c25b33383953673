//! Other systems tell of Ctrl-C alone.

use std::sync::Once;

use anyhow::{Context, Result};

/// The number that Ctrl-C has elsewhere.
const SIGINT: i32 = 2;

/// That Ctrl-C is caught, from the first time on.
#[derive(Debug)]
pub struct Caught;

impl Caught {
    /// Catches Ctrl-C.
    pub fn all() -> Result<Self> {
        static CAUGHT: Once = Once::new();
        let mut done = Ok(());
        CAUGHT.call_once(|| done = ctrlc::set_handler(|| super::arrived(SIGINT)));
        done.context("cannot catch Ctrl-C")?;
        Ok(Self)
    }

    /// It stays caught.
    pub fn release(&mut self) {}
}

/// Ends this process; the run goes on from its last checkpoint.
pub fn terminate_self() {
    std::process::exit(super::code(SIGINT));
}
