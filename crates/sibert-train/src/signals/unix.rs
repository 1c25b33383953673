//! The four signals, caught by handlers of the system.

use std::io;
use std::mem::zeroed;
use std::ptr::{null, null_mut};

use anyhow::{Context, Result};
use libc::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, c_int, sigaction};

/// The signals that are caught.
#[derive(Debug, Default)]
pub struct Caught(Vec<c_int>);

impl Caught {
    /// All of them but those that are ignored.
    pub fn all() -> Result<Self> {
        let mut caught = Self::default();
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGUSR1] {
            if !is_ignored(signal)? {
                catch(signal)?;
                caught.0.push(signal);
            }
        }
        Ok(caught)
    }

    /// Lets the signals end the process again.
    pub fn release(&mut self) {
        for signal in self.0.drain(..) {
            // SAFETY: no handler is left behind that could run.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
    }
}

fn is_ignored(signal: c_int) -> Result<bool> {
    // SAFETY: the system fills the struct, and changes nothing.
    let (done, action) = unsafe {
        let mut action: sigaction = zeroed();
        (sigaction(signal, null(), &mut action), action)
    };
    checked(done)?;
    Ok(action.sa_sigaction == libc::SIG_IGN)
}

fn catch(signal: c_int) -> Result<()> {
    extern "C" fn handler(signal: c_int) {
        super::arrived(signal);
    }
    let handler: extern "C" fn(c_int) = handler;
    // SAFETY: the handler touches atomic numbers alone, which is allowed at any moment.
    let done = unsafe {
        let mut action: sigaction = zeroed();
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_RESTART;
        libc::sigemptyset(&mut action.sa_mask);
        sigaction(signal, &action, null_mut())
    };
    checked(done)
}

fn checked(done: c_int) -> Result<()> {
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error()).context("cannot catch SIGINT and SIGTERM")
    }
}

/// Sends SIGTERM to this process.
pub fn terminate_self() {
    // SAFETY: the number is this process's own.
    unsafe { libc::kill(libc::getpid(), SIGTERM) };
}
